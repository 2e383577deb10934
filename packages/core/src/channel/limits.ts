/** Owns how much a channel may send: its rate, its different recipients in a day, and its pause for each of them. */
import { unreachable } from "../app-error.ts";
import type { Instant } from "../instant.ts";
import type { Channel } from "./channel.ts";
import { recipientsPerDayOf } from "./pacing.ts";

/** At most `messages` sends in any `windowMs`. */
export interface RateLimit {
  messages: number;
  windowMs: number;
}

/** What holds for every send over a channel, whichever process sends. */
export interface SendingLimits {
  /** Null: as fast as the provider takes them. */
  rate: RateLimit | null;
  /** At most so many different recipients in any 24 hours; null for no bound. */
  recipientsPerDay: number | null;
  /** To one recipient at most one message in this time; null for no bound. */
  pairMs: number | null;
}

export const NO_LIMITS: Readonly<SendingLimits> = Object.freeze({ rate: null, recipientsPerDay: null, pairMs: null });

/**
 * A minute with a second to spare: a message counts from when it is admitted, and leaves within a second of that, so on the wire
 * no minute ever holds more than the limit.
 */
const MINUTE_MS = 61_000;

/** Above so many a minute it is counted by the second, as Meta does. */
const BY_THE_SECOND = 60;

/** To one recipient Meta takes one message in six seconds. */
const CLOUD_PAIR_MS = 6_000;

/**
 * The limits of a channel at `now`. `perMinute` holds where it has none of its own (0 for no limit); `recipientsPerDay` is what its
 * account allows, as the provider knows it.
 */
export function limitsOf(
  { settings, messages_per_minute, paired_at }: Pick<Channel, "settings" | "messages_per_minute" | "paired_at">,
  { perMinute, recipientsPerDay }: { perMinute: number; recipientsPerDay: number | null },
  now: Instant,
): SendingLimits {
  const most = messages_per_minute ?? perMinute;
  switch (settings.kind) {
    case "simulator":
      return { rate: most === 0 ? null : { messages: most, windowMs: MINUTE_MS }, recipientsPerDay, pairMs: null };
    case "cloud":
      return { rate: cloudRate(most), recipientsPerDay, pairMs: CLOUD_PAIR_MS };
    case "web": {
      const rate = { messages: most === 0 ? MOST_BY_WEB : Math.min(most, MOST_BY_WEB), windowMs: MINUTE_MS };
      return { rate, recipientsPerDay: recipientsPerDayOf(settings.web, paired_at, now), pairMs: null };
    }
    default:
      return unreachable(settings);
  }
}

/** What Meta allows a number without an upgrade, and what a linked device should never exceed, in a minute. */
const CLOUD_DEFAULT = 4_800;
const MOST_BY_WEB = 20;

function cloudRate(most: number): RateLimit {
  const perMinute = most === 0 ? CLOUD_DEFAULT : most;
  if (perMinute <= BY_THE_SECOND) return { messages: perMinute, windowMs: MINUTE_MS };
  // Of whole messages, in about a second: a second of whole messages would be up to half of them less.
  const messages = Math.ceil(perMinute / 60);
  return { messages, windowMs: Math.ceil((messages * 60_000) / perMinute) };
}
