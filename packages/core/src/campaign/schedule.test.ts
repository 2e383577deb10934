import { describe, expect, test } from "vitest";
import { NO_OPTIONS } from "./options.ts";
import { isMissed, readSchedule, scheduleRefusal } from "./schedule.ts";

const NOW = Date.UTC(2026, 0, 15, 12);
const MINUTE_MS = 60_000;
const iso = (at: number) => new Date(at).toISOString();
const read = (at: string, timezone: string | null = null) => readSchedule({ at, timezone }, NOW);

describe("the time that a campaign starts at", () => {
  test.each([
    ["2026-12-24T09:00:00Z", null, "2026-12-24T09:00:00.000Z"],
    ["2026-12-24T09:00+02:00", null, "2026-12-24T07:00:00.000Z"],
    ["2026-12-24T09:00", "Europe/Berlin", "2026-12-24T08:00:00.000Z"],
    ["2026-12-24T09:00", "europe/berlin", "2026-12-24T08:00:00.000Z"],
    // With an offset the zone says nothing more.
    ["2026-12-24T09:00Z", "Europe/Berlin", "2026-12-24T09:00:00.000Z"],
  ])("%s in %s is %s", (at, timezone, expected) => {
    expect(read(at, timezone)).toEqual({ ok: true, at: Date.parse(expected) });
  });

  test.each([
    ["tomorrow", null, "at", "date_time"],
    ["2026-12-24", "Europe/Berlin", "at", "date_time"],
    ["2026-02-30T09:00Z", null, "at", "date_time"],
    ["2026-12-24T09:00", null, "timezone", "required"],
    ["2026-12-24T09:00", "Mars/Olympus", "timezone", "time_zone"],
    ["2026-12-24T09:00Z", "+02:00", "timezone", "time_zone"],
    [iso(NOW - MINUTE_MS - 1), null, "at", "range"],
    ["2028-02-01T09:00Z", null, "at", "range"],
  ])("%s in %s is refused for its %s: %s", (at, timezone, field, rule) => {
    const refused = read(at, timezone);
    expect(refused).toMatchObject({ ok: false, problem: { field, rule } });
  });

  test("may have passed while the request was on its way, and then is now", () => {
    expect(read(iso(NOW - MINUTE_MS))).toEqual({ ok: true, at: NOW });
    expect(read(iso(NOW + 1))).toEqual({ ok: true, at: NOW + 1 });
  });

  test("lies before the campaign expires", () => {
    const options = { ...NO_OPTIONS, expires_at: NOW };
    expect(scheduleRefusal({ options: NO_OPTIONS }, NOW)).toBeNull();
    expect(scheduleRefusal({ options }, NOW - 1)).toBeNull();
    expect(scheduleRefusal({ options }, NOW)).toBe(
      "It expires at 2026-01-15T12:00:00.000Z, before it would start: choose an earlier time, or let it expire later",
    );
  });
});

test("a start is missed when its grace has passed, which is never less than the minute that noticing may take", () => {
  const missed = (schedule_grace_ms: number, lateMs: number) => isMissed({ scheduled_at: NOW, schedule_grace_ms }, NOW + lateMs);
  expect([missed(10 * MINUTE_MS, 10 * MINUTE_MS), missed(10 * MINUTE_MS, 10 * MINUTE_MS + 1)]).toEqual([false, true]);
  expect([missed(0, MINUTE_MS), missed(0, MINUTE_MS + 1)]).toEqual([false, true]);
  expect(isMissed({ scheduled_at: null, schedule_grace_ms: 0 }, NOW)).toBe(false);
});
