/** Owns when a person is not written to: the hours of their own day that a campaign leaves them in peace. */
import type { Instant } from "../instant.ts";
import type { QuietHours } from "./options.ts";

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
const MAX_FORMATS = 1_000;
/** Making a format takes some 50 µs, using one 1 µs. */
const formats = new Map<string, Intl.DateTimeFormat>();

/** When the quiet hours that hold at `now` end; null where none hold. `timezone` is the person's own, null where unknown. */
export function quietUntil(quiet: QuietHours, timezone: string | null, now: Instant): Instant | null {
  const zone = timezone ?? quiet.timezone;
  if (!isQuiet(quiet, minuteOfDay(zone, now))) return null;
  const untilEnd = (minutesOf(quiet.to) - minuteOfDay(zone, now) + DAY_MINUTES) % DAY_MINUTES;
  const thisMinute = now - (now % MINUTE_MS);
  // Where clocks are changed in between, the end lies up to some hours off: the minutes around it are looked at.
  for (let shift = -180; shift <= 180; shift += 15) {
    const end = thisMinute + (untilEnd + shift) * MINUTE_MS;
    if (end > now && minuteOfDay(zone, end) === minutesOf(quiet.to)) return end;
  }
  // The clock skips the minute at which they would end: they are over when it has gone on, unless the next ones begin just then.
  let end = Math.max(thisMinute, thisMinute + (untilEnd - 180) * MINUTE_MS);
  while (isQuiet(quiet, minuteOfDay(zone, end))) end += MINUTE_MS;
  return end;
}

/** When the next quiet hours of `quiet.timezone` begin, at or after `now`; some hours off where clocks are changed before. */
export function nextQuiet(quiet: QuietHours, now: Instant): Instant {
  const untilStart = (minutesOf(quiet.from) - minuteOfDay(quiet.timezone, now) + DAY_MINUTES) % DAY_MINUTES;
  return untilStart === 0 ? now : now - (now % MINUTE_MS) + untilStart * MINUTE_MS;
}

function isQuiet(quiet: QuietHours, minute: number): boolean {
  const [from, to] = [minutesOf(quiet.from), minutesOf(quiet.to)];
  return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

function minutesOf(time: string): number {
  const [hours, minutes] = time.split(":");
  return Number(hours) * 60 + Number(minutes);
}

function minuteOfDay(timezone: string, at: Instant): number {
  const format = formats.get(timezone) ?? newFormat(timezone);
  const [hours, minutes] = format.format(at).split(":");
  return Number(hours) * 60 + Number(minutes);
}

function newFormat(timezone: string): Intl.DateTimeFormat {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  if (formats.size >= MAX_FORMATS) formats.clear();
  formats.set(timezone, format);
  return format;
}
