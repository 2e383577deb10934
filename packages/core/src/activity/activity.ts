/** Owns the activities: what happened that people who watch, or programs outside, want to hear of. */
import { type Campaign, type CampaignStatus, type Ledger, ledgerOf } from "../campaign/campaign.ts";
import type { BreakerState } from "../channel/breaker.ts";
import type { ConnectionState, PairingMethod } from "../channel/connection.ts";
import type { Instant } from "../instant.ts";

export const CAMPAIGN_ACTIVITIES = [
  "campaign.started",
  "campaign.scheduled",
  "campaign.unscheduled",
  "campaign.paused",
  "campaign.resumed",
  "campaign.cancelled",
  "campaign.completed",
  "campaign.held",
  "campaign.progress",
] as const;
export type CampaignActivity = (typeof CAMPAIGN_ACTIVITIES)[number];

/** A campaign as it was at that moment. */
export interface CampaignNews {
  name: string;
  status: CampaignStatus;
  stats: Ledger;
  /** Why it waits for a person to decide, in words; null where it does not. */
  reason: string | null;
}

export function newsOf(campaign: Campaign): CampaignNews {
  const { name, status, hold } = campaign;
  return { name, status, stats: ledgerOf(campaign), reason: hold?.reason ?? null };
}

/** What `/whatsapp` says of a channel. Connected means that the next message would really be sent. */
export interface ChannelNews {
  connected: boolean;
  state: ConnectionState;
  breaker: BreakerState["state"];
  /** Why it is not connected, in words. */
  reason: string | null;
  /** True: it stays as it is until a person does something, which `next` says in words. */
  needs_person: boolean;
  next: string | null;
}

/** What there is to scan or to type into the phone, so that a channel is paired. */
export interface PairingNews {
  method: PairingMethod;
  value: string;
  /** ISO 8601. */
  expires_at: string;
}

/** What one import did; `rejected` rows were not taken. */
export interface ImportNews {
  accepted: number;
  inserted: number;
  modified: number;
  matched: number;
  rejected: number;
}

/** Who no longer wants messages; `source` says how that became known. */
export interface OptOutNews {
  source: string | null;
}

/** A text that came in. */
export interface InboundNews {
  channel_id: string;
  /** E.164. */
  from: string;
  name: string | null;
  text: string;
}

/** Every kind with what it tells. Times stand in the activity itself, so that its data is the same in memory and on the wire. */
export interface ActivityTable extends Record<CampaignActivity, CampaignNews> {
  "channel.state": ChannelNews;
  "channel.pairing": PairingNews;
  "leads.imported": ImportNews;
  "lead.opted_out": OptOutNews;
  "message.received": InboundNews;
}
export type ActivityKind = keyof ActivityTable;

export const ACTIVITY_KINDS = [
  ...CAMPAIGN_ACTIVITIES,
  "channel.state",
  "channel.pairing",
  "leads.imported",
  "lead.opted_out",
  "message.received",
] as const satisfies readonly ActivityKind[];

/** An activity before it has its number. `subject` is the campaign, channel or lead that it is about, if it is about one. */
export type NewActivity<K extends ActivityKind = ActivityKind> = {
  [N in K]: { at: Instant; kind: N; subject: string | null; data: ActivityTable[N] };
}[K];

/** What happened; numbers rise in the order in which it was committed, and are never given twice. */
export type Activity = NewActivity & { seq: number };

/** How many activities are kept, the newest: who comes back later than that has missed some. */
export const KEPT_ACTIVITIES = 10_000;
