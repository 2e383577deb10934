/** Owns how a linked device behaves like a person: its pause between two messages, and to how many people a young number writes. */
import type { Instant } from "../instant.ts";
import type { WebSettings } from "./channel.ts";

const DAY_MS = 86_400_000;

/** So long a number that warms up takes longer pauses: at most about 80 messages an hour. */
const LONG_PAUSES_MS = 7 * DAY_MS;
const LONG_PAUSE_SECONDS = { from: 30, to: 60 };

/** Day by day a third more people, until nothing bounds them. */
const WARM_UP_DAYS = 14;
const FIRST_DAY_RECIPIENTS = 20;
const GROWTH_A_DAY = 1.35;

/**
 * How long to wait after a message, in milliseconds; `chance`, a number in [0, 1), picks from the span. A number that was never
 * paired (`pairedAt` is null) counts as paired now.
 */
export function pauseMs(settings: WebSettings, pairedAt: Instant | null, now: Instant, chance: number): number {
  const { from, to } = settings.pause_seconds;
  const isYoung = settings.warm_up && ageMs(pairedAt, now) < LONG_PAUSES_MS;
  const least = isYoung ? Math.max(from, LONG_PAUSE_SECONDS.from) : from;
  const most = isYoung ? Math.max(to, LONG_PAUSE_SECONDS.to) : to;
  return Math.round((least + (most - least) * chance) * 1_000);
}

/** To how many different people a number may write in any 24 hours; null for no bound. */
export function recipientsPerDayOf(settings: WebSettings, pairedAt: Instant | null, now: Instant): number | null {
  if (!settings.warm_up) return null;
  const day = Math.floor(ageMs(pairedAt, now) / DAY_MS);
  return day >= WARM_UP_DAYS ? null : Math.floor(FIRST_DAY_RECIPIENTS * GROWTH_A_DAY ** day);
}

function ageMs(pairedAt: Instant | null, now: Instant): number {
  return pairedAt === null ? 0 : Math.max(0, now - pairedAt);
}
