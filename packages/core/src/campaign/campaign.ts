/** Owns what a campaign is: a message for everyone in a segment, and the statuses it passes. */
import { unreachable } from "../app-error.ts";
import type { Instant } from "../instant.ts";
import type { Media } from "../message/content.ts";
import { MESSAGE_STATUSES, type MessageStatus } from "../message/message.ts";
import { reasonOf } from "../message/reasons.ts";
import type { Rule } from "../segment/rule.ts";
import type { TemplateField } from "../template/fields.ts";
import type { CanaryPhase } from "./canary.ts";
import type { CampaignOptions, CampaignTemplate } from "./options.ts";

/**
 * The way of a campaign:
 *
 *     DRAFT <-> SCHEDULED -> RUNNING <-> PAUSED
 *       +----------------------^ |  ^
 *                                |  +-- messages that are tried again
 *                                +-> COMPLETED, CANCELLED
 *
 * COMPLETED means that nothing is pending, and every sent message has its receipt or the time to wait for one has passed.
 * Receipts that come later still count. FAILED is kept for a run that cannot be carried out at all.
 */
export type CampaignStatus = "DRAFT" | "SCHEDULED" | "RUNNING" | "PAUSED" | "COMPLETED" | "CANCELLED" | "FAILED";

/** What running a campaign holds fast, so that later edits of the segment or new leads change nothing of this run. */
export interface FrozenRun {
  rule: Rule;
  /** The texts, at least one, with how many percent of the recipients get each: see `variantOf`. */
  variants: FrozenVariant[];
  /** The fields of a lead that the texts read: all that rendering needs to be given. */
  fields: TemplateField[];
  /** What goes out besides the text, or instead of it. */
  content: FrozenContent;
  /** Leads created after this moment are not in the audience; relative dates count back from it. */
  cutoff: Instant;
}

export interface FrozenVariant {
  name: string;
  percent: number;
  template: string;
}

export interface FrozenContent {
  media: Media | null;
  buttons: string[];
  /** What is sent to those who may only be sent a template; null: nothing is. */
  template: FrozenTemplate | null;
}

/** An approved template as it was at the start, with a text for each of its body's parameters that is rendered for each lead. */
export interface FrozenTemplate extends CampaignTemplate {
  /** With the parameters' places: `{{1}}`, or `{{name}}`. */
  body: string;
}

/** Why a campaign waits for a person to decide; nothing but a command ends it. */
export interface Hold {
  code: string;
  /** In words: what happened, and what can be done. */
  reason: string;
  at: Instant;
}

/** How many messages of a campaign stand in each status. */
export type MessageCounts = Record<MessageStatus, number>;

export interface Campaign {
  _id: string;
  name: string;
  segment_id: string;
  channel_id: string;
  message_template: string;
  options: CampaignOptions;
  created_by: string;
  status: CampaignStatus;
  /** When a SCHEDULED campaign starts, and how much later it still may without asking. */
  scheduled_at: Instant | null;
  schedule_grace_ms: number;
  hold: Hold | null;
  /** Null without a canary, or before the start. */
  canary_phase: CanaryPhase | null;
  /** Null until it is run. */
  frozen: FrozenRun | null;
  /** How many leads matched when the audience was frozen; how many match now while it is a DRAFT. */
  expected: number;
  /** True when every recipient has its message row. */
  expanded: boolean;
  counts: MessageCounts;
  created_at: Instant;
  updated_at: Instant;
  started_at: Instant | null;
  last_sent_at: Instant | null;
  completed_at: Instant | null;
}

export function noMessages(): MessageCounts {
  return {
    PENDING: 0,
    CLAIMED: 0,
    SENDING: 0,
    SKIPPED: 0,
    CANCELLED: 0,
    UNCERTAIN: 0,
    SENT: 0,
    FAILED: 0,
    DELIVERED: 0,
    READ: 0,
  };
}

/**
 * The ledger of a campaign: `audience = sent + failed + skipped + uncertain + cancelled + pending` at every moment.
 * `delivered` and `read` are parts of `sent`, and `read` is a part of `delivered`.
 */
export interface Ledger {
  audience: number;
  sent: number;
  delivered: number;
  read: number;
  failed: number;
  skipped: number;
  uncertain: number;
  cancelled: number;
  /** Not sent yet, on its way out, or still without a row because the audience is being written down. */
  pending: number;
}

export function ledgerOf(campaign: Pick<Campaign, "counts" | "expected" | "expanded">): Ledger {
  const { counts } = campaign;
  const rows = MESSAGE_STATUSES.reduce((sum, status) => sum + counts[status], 0);
  const audience = campaign.expanded ? rows : Math.max(rows, campaign.expected);
  const sent = counts.SENT + counts.DELIVERED + counts.READ;
  const settled = sent + counts.FAILED + counts.SKIPPED + counts.UNCERTAIN + counts.CANCELLED;
  return {
    audience,
    sent,
    delivered: counts.DELIVERED + counts.READ,
    read: counts.READ,
    failed: counts.FAILED,
    skipped: counts.SKIPPED,
    uncertain: counts.UNCERTAIN,
    cancelled: counts.CANCELLED,
    pending: audience - settled,
  };
}

/**
 * Tells whether a RUNNING campaign has reached everyone it will reach: its audience is written down, nothing is left to
 * send, and no receipt is outstanding that is still worth waiting for at `now`.
 */
export function isComplete(
  campaign: Pick<Campaign, "status" | "counts" | "expanded" | "last_sent_at">,
  now: Instant,
  receiptWindowMs: number,
): boolean {
  if (campaign.status !== "RUNNING" || !campaign.expanded) return false;
  const { PENDING, CLAIMED, SENDING, SENT } = campaign.counts;
  if (PENDING + CLAIMED + SENDING > 0) return false;
  return SENT === 0 || now - (campaign.last_sent_at ?? 0) > receiptWindowMs;
}

/** What becomes of messages that have not gone out when their campaign ends. */
export type Ending = { status: "CANCELLED" } | { status: "SKIPPED"; code: "expired"; reason: string };

/** How a campaign ends; null where messages may still go out. A cancelled one sends no more, nor does one whose time is over. */
export function endingOf(campaign: Pick<Campaign, "status" | "options">, now: Instant): Ending | null {
  if (campaign.status === "CANCELLED") return { status: "CANCELLED" };
  const { expires_at } = campaign.options;
  if (expires_at === null || now < expires_at) return null;
  return { status: "SKIPPED", code: "expired", reason: reasonOf("expired") };
}

/** Tells whether a campaign in `status` is over, so that nothing needs its segment any more. */
export function isFinished(status: CampaignStatus): boolean {
  switch (status) {
    case "DRAFT":
    case "SCHEDULED":
    case "RUNNING":
    case "PAUSED":
      return false;
    case "COMPLETED":
    case "CANCELLED":
    case "FAILED":
      return true;
    default:
      return unreachable(status);
  }
}
