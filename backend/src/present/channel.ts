/** Owns how a channel is shown: what it is, and the truth about its connection; never its secrets. */
import { abilitiesOf, type Channel } from "@mini-crm/core/channel/channel";
import type { ChannelSign } from "@mini-crm/core/channel/channel-sign";
import { adviceOn, needsPerson, type Pairing } from "@mini-crm/core/channel/connection";
import type { WhatsAppTemplate } from "@mini-crm/core/channel/template";
import type { Instant } from "@mini-crm/core/instant";
import type { ChannelJson, ConnectionJson, TemplateJson } from "@mini-crm/wire/channel";
import { iso, isoOrNull } from "./time.ts";

type OwnFields = Omit<ChannelJson, "connection" | "limits" | "stats" | "queue_size">;

export function channelFields(channel: Channel, webhookUrl: string): OwnFields {
  const { settings, secrets, order, paired_at, created_at, updated_at, ...shown } = channel;
  const kept = { access_token: "set", app_secret: "set", verify_token: "set" } as const;
  return {
    ...shown,
    kind: settings.kind,
    cloud: settings.kind === "cloud" ? { ...settings.cloud, ...kept, webhook_url: webhookUrl } : null,
    web: settings.kind === "web" ? settings.web : null,
    order: order && { order: order.order, ...(order.order === "pair" ? { method: order.method } : {}), at: iso(order.at) },
    paired_at: isoOrNull(paired_at),
    created_at: iso(created_at),
    updated_at: iso(updated_at),
  };
}

/** `sign` is what the workers say of it, null where none of them serves it; `workersRun` tells whether there are any. */
export function connectionJson(
  { settings }: Channel,
  sign: ChannelSign | null,
  { workersRun, now }: { workersRun: boolean; now: Instant },
): ConnectionJson {
  if (sign === null) return { ...UNSERVED, ...(workersRun ? NOT_TAKEN_UP : NO_WORKERS) };
  const { state, connected, reason, warning, breaker, device_id, user_name } = sign;
  return {
    connected,
    state,
    since: iso(sign.since),
    reason,
    until: isoOrNull(sign.until),
    pairing: pairingJson(sign.pairing, now),
    needs_person: needsPerson(state),
    next: adviceOn(state, { pairs: abilitiesOf(settings.kind).pairs }),
    warning,
    breaker: { state: breaker.state, until: isoOrNull(breaker.until) },
    device_id,
    user_name,
  };
}

const UNSERVED = {
  connected: false,
  state: "stopped",
  since: null,
  until: null,
  pairing: null,
  needs_person: false,
  warning: null,
  breaker: { state: "closed", until: null },
  device_id: null,
  user_name: null,
} as const;
const NO_WORKERS = {
  reason: "No workers process is running",
  needs_person: true,
  next: "Start the workers: nothing is sent without them.",
};
const NOT_TAKEN_UP = {
  reason: "No workers process serves this channel",
  next: "Workers take a new channel up within some seconds: where it stays like this, their log says why.",
};

/** What there still is to scan or to type; null where its time is over. */
function pairingJson(pairing: Pairing | null, now: Instant): ConnectionJson["pairing"] {
  if (pairing === null || pairing.expiresAt <= now) return null;
  const { method, value, expiresAt } = pairing;
  return { method, value, expires_at: iso(expiresAt), seconds_left: Math.ceil((expiresAt - now) / 1_000) };
}

export function templateJson({ channel_id, ...template }: WhatsAppTemplate): TemplateJson {
  return { ...template, synced_at: iso(template.synced_at) };
}
