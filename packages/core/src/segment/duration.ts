/** Owns the durations of `WITHIN_LAST`: `15m`, `12h`, `30d`, `2w`. */

const UNIT_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
/** About a hundred years. */
const MAX_DURATION_MS = 36_525 * 86_400_000;

/** Reads a duration in whole minutes, hours, days or weeks, in milliseconds; `null` where it is none, or over a hundred years. */
export function parseDuration(text: string): number | null {
  const unitMs = UNIT_MS[text.slice(-1)];
  const amount = text.slice(0, -1);
  if (unitMs === undefined || !/^[1-9]\d{0,7}$/.test(amount)) return null;
  const durationMs = Number(amount) * unitMs;
  return durationMs <= MAX_DURATION_MS ? durationMs : null;
}
