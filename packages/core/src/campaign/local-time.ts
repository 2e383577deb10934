/** Owns which moment a clock on the wall shows: a date and time without an offset, in a time zone. */
import type { Instant } from "../instant.ts";
import { parseIsoTime } from "../iso-time.ts";

const DAY_MS = 86_400_000;
/** Making a format takes some 50 µs; only people's requests come here, so a few are enough. */
const MAX_FORMATS = 100;
const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * The moment at which clocks in `timezone` (an IANA name) show `local`, such as `2026-12-24T09:00`; null where `local` is no date
 * and time without an offset.
 *
 * Where clocks are set back, a time comes twice: the first one counts. Where they are set forward, a time is left out: it counts
 * as long after the change as it would lie after it, so that 02:30 is 03:30. (Temporal calls this "compatible".)
 */
export function instantOfLocal(local: string, timezone: string): Instant | null {
  const asIfUtc = local.includes("T") ? parseIsoTime(`${local}Z`) : null;
  if (asIfUtc === null) return null;
  const beforeAnyChange = asIfUtc - offsetAt(asIfUtc - DAY_MS, timezone);
  const afterAnyChange = asIfUtc - offsetAt(asIfUtc + DAY_MS, timezone);
  const shown = [beforeAnyChange, afterAnyChange].filter((at) => at + offsetAt(at, timezone) === asIfUtc);
  return shown.length === 0 ? beforeAnyChange : Math.min(...shown);
}

/** How far clocks in `timezone` are ahead of UTC at `at`, in milliseconds. */
function offsetAt(at: Instant, timezone: string): number {
  const format = formats.get(timezone) ?? newFormat(timezone);
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
  const shown = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return shown - Math.floor(at / 1_000) * 1_000;
}

function newFormat(timezone: string): Intl.DateTimeFormat {
  const numeric = "numeric";
  const format = new Intl.DateTimeFormat("en", {
    timeZone: timezone,
    hourCycle: "h23",
    ...{ year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric, second: numeric },
  });
  if (formats.size >= MAX_FORMATS) formats.clear();
  formats.set(timezone, format);
  return format;
}
