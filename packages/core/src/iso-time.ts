/** Owns the reading of ISO 8601 text, the only way in which a moment in time comes in from outside. */
import type { Instant } from "./instant.ts";

/** Every part in its range, except that a month may have fewer than 31 days. */
export const isoTimeShape =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))?$/;

/**
 * Reads a date (`2025-01-10`, meaning midnight UTC) or a date with time and zone (`2025-01-10T10:00:00.000Z`,
 * `2025-01-10T10:00+02:00`). Returns `null` for anything else: a time without zone, a day that its month does not have.
 * Digits after the millisecond are dropped.
 */
export function parseIsoTime(text: string): Instant | null {
  if (!isoTimeShape.test(text) || !dayExists(text)) return null;
  return Date.parse(text);
}

/** `Date` rolls 30 February over into March, so a day that comes back as another one did not exist. */
function dayExists(text: string): boolean {
  const day = Number(text.slice(8, 10));
  return day <= 28 || new Date(text.slice(0, 10)).getUTCDate() === day;
}
