/** Owns what a channel is: a number that messages go out from, and the connection to WhatsApp that it has. */
import type { Instant } from "../instant.ts";
import type { PairingMethod } from "./connection.ts";

/** The channel that a campaign sends through where it names none; it is always there. */
export const DEFAULT_CHANNEL_ID = "default";

/** More numbers than that one installation does not serve. */
export const MAX_CHANNELS = 100;

/** `simulator`: nothing leaves this machine. `cloud`: Meta's Cloud API. `web`: a phone's linked device, by WhatsApp Web. */
export const CHANNEL_KINDS = ["simulator", "cloud", "web"] as const;
export type ChannelKind = (typeof CHANNEL_KINDS)[number];

/** What the Cloud API needs to know of a number, and is no secret. */
export interface CloudSettings {
  phone_number_id: string;
  /** The WhatsApp Business Account, which owns the templates. */
  business_account_id: string;
  /** Where the Graph API is, without a slash at the end. */
  base_url: string;
  /** Such as `v23.0`. */
  api_version: string;
}

/** How a linked device behaves like a person. */
export interface WebSettings {
  /** Between two messages it waits for a time drawn from this span. */
  pause_seconds: { from: number; to: number };
  /** True: a young number writes to few people at first, and to more from day to day. */
  warm_up: boolean;
}

/** What the Cloud API needs to know of a number, and nobody may see: kept sealed. */
export interface CloudSecrets {
  access_token: string;
  /** What webhooks are signed with. */
  app_secret: string;
  /** What Meta must say when it verifies the webhook's address. */
  verify_token: string;
}

/** By kind; a channel of one kind has the settings of just that. */
export type ChannelSettings = { kind: "simulator" } | { kind: "cloud"; cloud: CloudSettings } | { kind: "web"; web: WebSettings };

/** What a person wants of a channel's connection; whichever process holds it carries that out. */
export type ChannelOrder =
  | { order: "pair"; method: PairingMethod; phone: string | null; at: Instant }
  | { order: "log_out"; at: Instant };

export interface Channel {
  /** Lowercase letters, digits and dashes, chosen by its maker. */
  _id: string;
  name: string;
  settings: ChannelSettings;
  /** `CloudSecrets` as JSON, sealed by the `Vault`; null where the kind needs none. */
  secrets: string | null;
  /** The most messages in any minute; null: as configured for all channels. */
  messages_per_minute: number | null;
  /** True: whoever writes to the number and is no lead yet becomes one. */
  creates_leads: boolean;
  /** The last order, until it is carried out. */
  order: ChannelOrder | null;
  /** When its number was first paired, from which warming up counts; null where it never was. */
  paired_at: Instant | null;
  created_at: Instant;
  updated_at: Instant;
}

/** What messages over a kind of channel can have. */
export interface Abilities {
  buttons: boolean;
  templates: boolean;
  /** True: outside of 24 hours after a recipient's last message only templates go out. */
  has_window: boolean;
  /** True: a person links it to a phone. */
  pairs: boolean;
}

const ABILITIES: Readonly<Record<ChannelKind, Abilities>> = {
  simulator: { buttons: true, templates: false, has_window: false, pairs: false },
  cloud: { buttons: true, templates: true, has_window: true, pairs: false },
  web: { buttons: false, templates: false, has_window: false, pairs: true },
};

export function abilitiesOf(kind: ChannelKind): Abilities {
  return ABILITIES[kind];
}

/** The channel as a new installation has it: simulated, so that everything can be tried at once. */
export function defaultChannel(now: Instant): Channel {
  return {
    _id: DEFAULT_CHANNEL_ID,
    name: "Default",
    settings: { kind: "simulator" },
    secrets: null,
    messages_per_minute: null,
    creates_leads: false,
    order: null,
    paired_at: null,
    created_at: now,
    updated_at: now,
  };
}
