/** Owns the forecast of when messages will have gone out. */
import type { RateLimit } from "../channel/limits.ts";
import type { Instant } from "../instant.ts";
import { ledgerOf } from "./campaign.ts";
import { canaryLookAt, canaryRoom, canarySize } from "./canary.ts";
import type { QuietHours } from "./options.ts";
import { quietUntil as endOfQuiet, nextQuiet } from "./quiet-hours.ts";
import type { Circumstances } from "./waiting.ts";

export interface Outlook {
  /** Messages that have yet to go out. */
  pending: number;
  /** Messages of others that go out before them on the same channel. */
  ahead: number;
  /** The channel's limit; null: none. */
  rate: RateLimit | null;
  /** How much of the limit is used up now, and when it has room again; left out or null: nothing of it. */
  use?: { used: number; resetAt: Instant } | null;
  /** How many different people the channel may write to in a day, and has; left out or null: as many as there are. */
  people?: { most: number; recipients: number; resetAt: Instant } | null;
  /** How many really went out a minute of late: what counts where the channel has no limit. */
  measuredPerMinute: number | null;
  /** Nothing goes out before this moment. */
  quietUntil: Instant | null;
  /** The quiet hours in which it stands still until it is done; everybody is taken to live in their time zone. */
  quietHours?: QuietHours | null;
  now: Instant;
}

/**
 * When the last of the messages goes out, receipts not counted; null where nothing is left to send or nothing is known of how
 * fast it goes. A channel with a limit sends as many as it may at once and then waits until they no longer count.
 */
export function forecastEnd(outlook: Outlook): Instant | null {
  const { pending, ahead, rate, use = null, measuredPerMinute, quietUntil, quietHours = null, now } = outlook;
  if (pending <= 0) return null;
  const start = Math.max(now, quietUntil ?? now);
  const messages = pending + Math.max(0, ahead);
  const people = outlook.people ?? null;
  const atRateMs = rate === null ? measuredMs(messages, measuredPerMinute) : limitedMs(messages, rate, use, start);
  if (atRateMs === null) return null;
  const durationMs = Math.max(atRateMs, people === null ? 0 : daysMs(messages, people, start));
  return quietHours === null ? start + durationMs : awake(quietHours, start, durationMs);
}

function measuredMs(messages: number, speed: number | null): number | null {
  return speed === null || speed <= 0 ? null : Math.ceil((messages / speed) * 60_000);
}

function limitedMs(messages: number, rate: RateLimit, use: NonNullable<Outlook["use"]> | null, start: Instant): number | null {
  if (rate.messages <= 0) return null;
  const counts = use !== null && use.resetAt > start ? use : { used: 0, resetAt: start + rate.windowMs };
  const waits = Math.ceil((messages - Math.max(0, rate.messages - counts.used)) / rate.messages);
  return waits <= 0 ? 0 : counts.resetAt - start + (waits - 1) * rate.windowMs;
}

/** As for a rate: as many people as a day allows at once, and the next ones when those no longer count. */
function daysMs(messages: number, { most, recipients, resetAt }: NonNullable<Outlook["people"]>, start: Instant): number {
  return limitedMs(messages, { messages: most, windowMs: DAY_MS }, { used: recipients, resetAt }, start) ?? 0;
}

const DAY_MS = 86_400_000;

/** More nights than any campaign lasts. */
const MOST_NIGHTS = 1_000;

/** The moment after `start` by which `durationMs` have passed outside quiet hours. */
function awake(quiet: QuietHours, start: Instant, durationMs: number): Instant {
  let at = start;
  let leftMs = durationMs;
  for (let night = 0; night < MOST_NIGHTS; night += 1) {
    at = endOfQuiet(quiet, null, at) ?? at;
    const quietAt = nextQuiet(quiet, at);
    if (at + leftMs <= quietAt) break;
    leftMs -= quietAt - at;
    at = quietAt;
  }
  return at + leftMs;
}

/**
 * When the last message of a campaign goes out, receipts not counted, if all goes on as it does now; null where that cannot be
 * said: it is a DRAFT, finished, waits for a person or for its connection, or has no limit and has not sent anything yet.
 */
export function estimatedDoneAt(known: Circumstances): Instant | null {
  const { campaign, channel, due, now } = known;
  const { status, hold, options, scheduled_at } = campaign;
  if ((status !== "RUNNING" && status !== "SCHEDULED") || hold !== null || channel === null || !channel.connected) return null;
  const isWaitingOnly = known.ready === 0 && campaign.counts.CLAIMED + campaign.counts.SENDING === 0;
  const startsAt = status === "SCHEDULED" ? scheduled_at : isWaitingOnly ? (due?.due_at ?? null) : null;
  const outlook: Outlook = {
    // What is on the wire has used its part of the limit already.
    pending: ledgerOf(campaign).pending - campaign.counts.SENDING,
    ahead: known.ahead.messages,
    rate: channel.limits.rate,
    use: known.use,
    people: peopleOf(known),
    measuredPerMinute: perMinute(known),
    quietUntil: startsAt,
    quietHours: options.quiet_hours,
    now,
  };
  const end = throughCanary(known, outlook);
  if (end === null) return null;
  const last = Math.max(end, due?.last_due_at ?? 0);
  return options.expires_at === null ? last : Math.min(last, options.expires_at);
}

/** Those who go first, the wait, and then all others. */
function throughCanary({ campaign }: Circumstances, outlook: Outlook): Instant | null {
  const { canary } = campaign.options;
  const isAhead = canary !== null && (campaign.status === "SCHEDULED" || campaign.canary_phase === "sending");
  if (!isAhead) return forecastEnd(outlook);
  const room = campaign.status === "SCHEDULED" ? canarySize(campaign, canary) : canaryRoom(campaign, canary);
  if (room >= outlook.pending) return forecastEnd(outlook);
  const firstGone = room > 0 ? forecastEnd({ ...outlook, pending: room }) : outlook.now;
  if (firstGone === null) return null;
  const lookAt = (room > 0 ? null : canaryLookAt(campaign, canary)) ?? firstGone + canary.wait_minutes * 60_000;
  const ahead = room > 0 ? 0 : outlook.ahead;
  const end = forecastEnd({ ...outlook, pending: outlook.pending - Math.max(0, room), ahead, quietUntil: lookAt });
  // All of them together are people of the same days, however the wait parts them.
  return end === null ? null : Math.max(end, forecastEnd(outlook) ?? end);
}

function peopleOf({ channel, recipientUse }: Circumstances): NonNullable<Outlook["people"]> | null {
  const most = channel?.limits.recipientsPerDay ?? null;
  return most === null || recipientUse === null ? null : { most, ...recipientUse };
}

/** How fast it goes: counted over a minute, or since its start. */
function perMinute({ campaign, sentLastMinute, now }: Circumstances): number | null {
  if (campaign.started_at === null) return null;
  const overMs = Math.min(60_000, Math.max(1_000, now - campaign.started_at));
  return sentLastMinute === 0 ? null : (sentLastMinute * 60_000) / overMs;
}
