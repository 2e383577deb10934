/** Owns how much room a channel's limits leave, and for whom of those that ask to go out. */
import type { Instant } from "../instant.ts";
import type { SendingLimits } from "./limits.ts";

/** How long somebody who was written to counts among the recipients of a day. */
export const RECIPIENTS_WINDOW_MS = 86_400_000;

/** What a channel has used of its limits; null where it has no such limit, so that nothing is looked up. */
export interface ChannelUse {
  rate: { used: number; resetAt: Instant } | null;
  recipients: { recipients: number; resetAt: Instant } | null;
}

/** Tells whether a channel's recipients are noted: it costs a row for each, and only these limits look back at them. */
export function notesRecipients({ recipientsPerDay, pairMs }: SendingLimits): boolean {
  return recipientsPerDay !== null || pairMs !== null;
}

/** How many messages there is room for now; `limited` says until when there is none, by the limit that ends last. */
export function roomLeft(
  limits: SendingLimits,
  use: ChannelUse,
): { room: number; limited: { until: Instant; by: "rate" | "recipients" } | null } {
  const { byRate, byRecipients } = roomByLimit(limits, use);
  const shut: { until: Instant; by: "rate" | "recipients" }[] = [];
  if (use.rate !== null && byRate <= 0) shut.push({ until: use.rate.resetAt, by: "rate" });
  if (use.recipients !== null && byRecipients <= 0) shut.push({ until: use.recipients.resetAt, by: "recipients" });
  const [limited = null] = shut.sort((a, b) => b.until - a.until);
  return { room: Math.max(0, Math.min(byRate, byRecipients)), limited };
}

function roomByLimit({ rate, recipientsPerDay }: SendingLimits, use: ChannelUse) {
  return {
    byRate: rate === null || use.rate === null ? Number.POSITIVE_INFINITY : rate.messages - use.rate.used,
    byRecipients:
      recipientsPerDay === null || use.recipients === null
        ? Number.POSITIVE_INFINITY
        : recipientsPerDay - use.recipients.recipients,
  };
}

/**
 * Until when one message to one person must wait, where it must: for the rate, or for the pause between two to that person. Of the
 * people of a day it minds none.
 */
export function waitOfOne(
  { rate, pairMs }: SendingLimits,
  { use, lastSentAt }: { use: ChannelUse["rate"]; lastSentAt: Instant | null },
  now: Instant,
): Instant | null {
  if (rate !== null && use !== null && use.used >= rate.messages) return use.resetAt;
  return pauseEnds(pairMs, lastSentAt, now);
}

/** Until when somebody who was written to at `lastSentAt` is left alone. */
function pauseEnds(pairMs: number | null, lastSentAt: Instant | null, now: Instant): Instant | null {
  if (pairMs === null || lastSentAt === null || lastSentAt <= now - pairMs) return null;
  // A clock that was set back must not make anybody wait for longer than the pause.
  return Math.min(lastSentAt, now) + pairMs;
}

/** Lets messages through one after the other, as long as there is room, and remembers whom they go to. */
export interface Gate {
  /** Until when the next message to a number must wait; null where it need not. */
  waitsUntil(phone: string): Instant | null;
  hasRoomFor(phone: string): boolean;
  pass(phone: string): void;
  /** The numbers that a message has passed to. */
  passed(): string[];
}

/** The gate at `now`; `lastSentAt` says of those who are asked for when they were last written to, where they were. */
export function openGate(
  limits: SendingLimits,
  { lastSentAt, ...use }: ChannelUse & { lastSentAt: ReadonlyMap<string, Instant> },
  now: Instant,
): Gate {
  let { byRate, byRecipients } = roomByLimit(limits, use);
  const { pairMs } = limits;
  const passed = new Set<string>();
  const lastOf = (phone: string): Instant => (passed.has(phone) ? now : (lastSentAt.get(phone) ?? -Infinity));
  /** Who was written to within the day takes no new room. */
  const takesRoom = (phone: string): boolean => lastOf(phone) <= now - RECIPIENTS_WINDOW_MS;

  return {
    waitsUntil: (phone) => pauseEnds(pairMs, lastOf(phone), now),
    hasRoomFor: (phone) => byRate > 0 && (byRecipients > 0 || !takesRoom(phone)),
    pass(phone) {
      byRate -= 1;
      if (takesRoom(phone)) byRecipients -= 1;
      passed.add(phone);
    },
    passed: () => [...passed],
  };
}
