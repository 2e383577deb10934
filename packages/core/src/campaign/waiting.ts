/** Owns what a campaign waits for: the one answer, in words, to why nothing goes out right now. */
import type { ChannelSign } from "../channel/channel-sign.ts";
import type { RateLimit } from "../channel/limits.ts";
import type { Instant } from "../instant.ts";
import { type Campaign, isFinished, ledgerOf } from "./campaign.ts";
import { canaryLookAt, canaryRoom, canarySize } from "./canary.ts";

export type WaitingKind =
  | "person"
  | "schedule"
  | "workers"
  | "audience"
  | "receipts"
  | "connection"
  | "canary"
  | "quiet_hours"
  | "retry"
  | "other_campaigns"
  | "rate_limit"
  | "recipients_per_day";

export interface Waiting {
  kind: WaitingKind;
  /** When that ends, where it is known. */
  until: Instant | null;
  /** In words, with numbers. */
  text: string;
}

/** What is known of a campaign and of what it sends through. */
export interface Circumstances {
  campaign: Campaign;
  /** True where a workers process has shown a sign of life of late. */
  workersRun: boolean;
  /** Null where no living process serves the campaign's channel. */
  channel: ChannelSign | null;
  /** How much of the channel's rate is used up; null where it has none. */
  use: { used: number; resetAt: Instant } | null;
  /** How many different people it has written to in the last 24 hours; null where that has no bound. */
  recipientUse: { recipients: number; resetAt: Instant } | null;
  /** How many messages could be claimed, were it their turn; the other pending ones wait for a moment of their own. */
  ready: number;
  /** The first and the last of these moments, and what the first one waits for. */
  due: { due_at: Instant; code: string; last_due_at: Instant } | null;
  /** What goes out before this campaign's messages on the same channel. */
  ahead: { messages: number; campaigns: number };
  /** How many messages were admitted in the last minute. */
  sentLastMinute: number;
  receiptWindowMs: number;
  now: Instant;
}

/** A reason to wait, looked at in turn: null where it does not hold. */
type Reason = (known: Circumstances) => Waiting | null;

/**
 * What the campaign waits for; null where it is sending, or has nothing to wait for because it is a DRAFT or finished. Of several
 * reasons the first of this order is told, the one without which the others would mean nothing:
 *
 * 1. `person`: it is PAUSED or held, and only a command ends that;
 * 2. `schedule`: its time has not come;
 * 3. `workers`: no process is there that would do anything;
 * 4. `audience`: nobody's message is written down yet;
 * 5. `receipts`: everything has gone out;
 * 6. `connection`: nothing can go out through its channel;
 * 7. `canary`: those who went first are being watched;
 * 8. `quiet_hours`, `retry`: all that is pending waits for a moment of its own;
 * 9. `other_campaigns`: windows of one channel are first in, first out, and older ones are not through;
 * 10. `recipients_per_day`: the channel has written to as many different people as it may in a day;
 * 11. `rate_limit`: the channel has sent as many as it may.
 */
export function waitingFor(known: Circumstances): Waiting | null {
  const { status } = known.campaign;
  if (status === "DRAFT" || isFinished(status)) return null;
  const reasons = hasAllGoneOut(known.campaign) ? [workers, receipts] : WHILE_PENDING;
  for (const reason of reasons) {
    const waiting = reason(known);
    if (waiting !== null) return waiting;
  }
  return null;
}

function person({ campaign: { status, hold } }: Circumstances): Waiting | null {
  if (hold !== null) return { kind: "person", until: null, text: `Waits for a person: ${within(hold.reason)}` };
  return status === "PAUSED"
    ? { kind: "person", until: null, text: "Waits for a person: it is paused; resume or cancel it" }
    : null;
}

/** A sentence as it goes on after a colon; names with capitals inside, such as WhatsApp, keep theirs. */
function within(sentence: string): string {
  return sentence.replace(/^[A-Z](?=[a-z]* )/, (letter) => letter.toLowerCase());
}

function schedule({ campaign: { status, scheduled_at }, workersRun, now }: Circumstances): Waiting | null {
  if (status !== "SCHEDULED" || scheduled_at === null || (scheduled_at <= now && !workersRun)) return null;
  return { kind: "schedule", until: scheduled_at, text: `Waits for its time: starts at ${clockText(scheduled_at, now)}` };
}

function workers({ workersRun }: Circumstances): Waiting | null {
  if (workersRun) return null;
  const text = "Waits for the workers: none is running. `npm start` runs everything, `npm run start` in workers/ them alone";
  return { kind: "workers", until: null, text };
}

function audience({ campaign: { counts, expanded, expected } }: Circumstances): Waiting | null {
  if (expanded || counts.PENDING + counts.CLAIMED + counts.SENDING > 0) return null;
  const text = `Waits for its audience: ${amount(expected, "recipient")} ${expected === 1 ? "is" : "are"} being written down`;
  return { kind: "audience", until: null, text };
}

function receipts({ campaign, receiptWindowMs, now }: Circumstances): Waiting | null {
  const outstanding = campaign.counts.SENT;
  if (outstanding === 0) return null;
  const until = (campaign.last_sent_at ?? now) + receiptWindowMs;
  const what = `${amount(outstanding, "sent message")} not delivered yet`;
  const text = `Waits for receipts: ${what}; completes at ${clockText(until, now)} at the latest`;
  return { kind: "receipts", until, text };
}

function connection({ channel, campaign, now }: Circumstances): Waiting | null {
  if (channel === null) {
    const text = `Waits for the connection: no workers process serves the channel ${campaign.channel_id}`;
    return { kind: "connection", until: null, text };
  }
  // Half-open, the next message is the trial.
  if (channel.connected || (channel.state === "open" && channel.breaker.state === "half_open")) return null;
  const until = channel.breaker.until ?? channel.until;
  const next = until === null ? "" : `; tries again at ${clockText(until, now)}`;
  const reason = (channel.reason ?? `the connection is ${channel.state}`).replace(/\.$/, "");
  return { kind: "connection", until, text: `Waits for the connection to WhatsApp: ${reason}${next}` };
}

function canary({ campaign, now }: Circumstances): Waiting | null {
  const { canary: options } = campaign.options;
  if (options === null || campaign.canary_phase !== "sending" || canaryRoom(campaign, options) > 0) return null;
  const until = canaryLookAt(campaign, options);
  if (until === null) return null;
  const first = canarySize(campaign, options);
  const text = `Waits for what becomes of the first ${first.toLocaleString("en")}: looks at it at ${clockText(until, now)}`;
  return { kind: "canary", until, text };
}

function ownMoment({ campaign: { counts }, ready, due, now }: Circumstances): Waiting | null {
  if (ready > 0 || counts.CLAIMED + counts.SENDING > 0 || due === null || due.due_at <= now) return null;
  const until = due.due_at;
  const messages = amount(counts.PENDING, "message");
  if (due.code === "quiet_hours") {
    const text = `Waits for the end of quiet hours: ${messages} left, goes on at ${clockText(until, now)}`;
    return { kind: "quiet_hours", until, text };
  }
  return { kind: "retry", until, text: `Waits to try ${messages} again: the next at ${clockText(until, now)}` };
}

function otherCampaigns({ campaign: { counts }, ahead, sentLastMinute }: Circumstances): Waiting | null {
  if (ahead.messages === 0 || sentLastMinute > 0 || counts.CLAIMED + counts.SENDING > 0) return null;
  const first = `${amount(ahead.messages, "message")} of ${amount(ahead.campaigns, "older campaign")}`;
  const text = `Waits for its turn: ${first} on the same channel ${ahead.messages === 1 ? "goes" : "go"} first`;
  return { kind: "other_campaigns", until: null, text };
}

function rateLimit({ channel, use, ready, now }: Circumstances): Waiting | null {
  const rate = channel?.limits.rate ?? null;
  if (rate === null || use === null || ready === 0 || use.used < rate.messages || use.resetAt <= now) return null;
  const text = `Waits for the rate limit: ${rateText(rate)}, goes on at ${clockText(use.resetAt, now)}`;
  return { kind: "rate_limit", until: use.resetAt, text };
}

function recipientsPerDay({ channel, recipientUse, ready, now }: Circumstances): Waiting | null {
  const most = channel?.limits.recipientsPerDay ?? null;
  if (most === null || recipientUse === null || ready === 0) return null;
  const { recipients, resetAt } = recipientUse;
  if (recipients < most || resetAt <= now) return null;
  const people = most === 1 ? "1 person" : `${most.toLocaleString("en")} people`;
  const text = `Waits for the number's limit of ${people} in 24 hours: goes on at ${clockText(resetAt, now)}`;
  return { kind: "recipients_per_day", until: resetAt, text };
}

const WHILE_PENDING: readonly Reason[] = [
  person,
  schedule,
  workers,
  audience,
  connection,
  canary,
  ownMoment,
  otherCampaigns,
  recipientsPerDay,
  rateLimit,
];

function hasAllGoneOut(campaign: Campaign): boolean {
  return campaign.status === "RUNNING" && campaign.expanded && ledgerOf(campaign).pending === 0;
}

export function rateText(rate: RateLimit): string {
  const { messages, windowMs } = rate;
  return `${amount(messages, "message")} ${isByTheMinute(rate) ? "a minute" : `in any ${Math.round(windowMs / 100) / 10} s`}`;
}

/** How many messages a minute `rate` allows: as it was set where it was set so, else to one decimal. */
export function messagesPerMinute(rate: RateLimit): number {
  return isByTheMinute(rate) ? rate.messages : Math.round((rate.messages / rate.windowMs) * 600_000) / 10;
}

/** A minute with a second to spare, as the limits of channels have it, is a minute. */
function isByTheMinute({ windowMs }: RateLimit): boolean {
  const seconds = Math.round(windowMs / 1_000);
  return seconds === 60 || seconds === 61;
}

/** `16:15:30Z`, with the date where it is another day than `now`'s. */
function clockText(at: Instant, now: Instant): string {
  // Rounded up: at the moment that is named, it has come.
  const [day, time = ""] = new Date(Math.ceil(at / 1_000) * 1_000).toISOString().split("T");
  const clock = `${time.slice(0, 8)}Z`;
  return new Date(now).toISOString().startsWith(`${day}T`) ? clock : `${day} ${clock}`;
}

function amount(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
