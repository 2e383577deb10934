/** Owns what a campaign may be told besides whom it goes to and what it says: courtesy, caution and comparison. */
import type { Instant } from "../instant.ts";
import type { Media } from "../message/content.ts";

/** Nothing is sent from `from` to `to`, in the recipient's time zone, else in `timezone`. Both are `HH:MM`; it may span midnight. */
export interface QuietHours {
  from: string;
  to: string;
  timezone: string;
}

/** At most so many messages of all campaigns together reach one person in any `days` days. */
export interface FrequencyCap {
  messages: number;
  days: number;
}

/**
 * The first `percent` % of the audience go first. Then it waits for `wait_minutes`, and goes on only where no more than
 * these shares of what was sent failed or were answered with a stop. The same limits hold for the rest of the campaign.
 */
export interface Canary {
  percent: number;
  wait_minutes: number;
  max_failed_percent: number;
  max_opted_out_percent: number;
}

/** One of several texts that are compared; `percent` of the recipients get it, always the same ones. */
export interface Variant {
  name: string;
  percent: number;
  message_template: string;
}

/** The approved WhatsApp template that those get who may be sent nothing else, and what its parameters say. */
export interface CampaignTemplate {
  name: string;
  language: string;
  /** Each with a text like the campaign's own; `name` is null where the template counts its parameters. */
  parameters: { name: string | null; value: string }[];
}

export interface CampaignOptions {
  quiet_hours: QuietHours | null;
  frequency_cap: FrequencyCap | null;
  /** From this moment on nobody else is written to. */
  expires_at: Instant | null;
  canary: Canary | null;
  /** Empty: everybody gets the campaign's one text. */
  variants: Variant[];
  media: Media | null;
  /** Buttons for a quick reply, at most three. */
  buttons: string[];
  template: CampaignTemplate | null;
}

export const NO_OPTIONS: Readonly<CampaignOptions> = Object.freeze({
  quiet_hours: null,
  frequency_cap: null,
  expires_at: null,
  canary: null,
  variants: [],
  media: null,
  buttons: [],
  template: null,
});
