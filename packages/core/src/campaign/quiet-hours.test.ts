import fc from "fast-check";
import { expect, test } from "vitest";
import { quietUntil } from "./quiet-hours.ts";

const at = (time: string) => Date.parse(time);
const NIGHT = { from: "21:00", to: "08:30", timezone: "Europe/Berlin" };
const iso = (instant: number | null) => (instant === null ? null : new Date(instant).toISOString());

test("it is quiet in the recipient's own night, and until their morning", () => {
  expect(iso(quietUntil(NIGHT, "America/New_York", at("2025-06-10T02:15:00Z")))).toBe("2025-06-10T12:30:00.000Z");
  expect(quietUntil(NIGHT, "Asia/Tokyo", at("2025-06-10T02:15:00Z"))).toBeNull();
});

test("where their time zone is not known, the campaign's holds", () => {
  expect(iso(quietUntil(NIGHT, null, at("2025-06-10T19:00:00Z")))).toBe("2025-06-11T06:30:00.000Z");
});

test("the first minute is quiet and the last is not", () => {
  expect(quietUntil(NIGHT, "UTC", at("2025-06-10T20:59:59.999Z"))).toBeNull();
  expect(iso(quietUntil(NIGHT, "UTC", at("2025-06-10T21:00:00Z")))).toBe("2025-06-11T08:30:00.000Z");
  expect(iso(quietUntil(NIGHT, "UTC", at("2025-06-11T08:29:59.999Z")))).toBe("2025-06-11T08:30:00.000Z");
  expect(quietUntil(NIGHT, "UTC", at("2025-06-11T08:30:00Z"))).toBeNull();
});

test("hours within a day are quiet within that day", () => {
  const lunch = { from: "12:00", to: "14:00", timezone: "UTC" };
  expect(iso(quietUntil(lunch, null, at("2025-06-10T13:00:30Z")))).toBe("2025-06-10T14:00:00.000Z");
  expect(quietUntil(lunch, null, at("2025-06-10T11:59:00Z"))).toBeNull();
  expect(quietUntil(lunch, null, at("2025-06-10T23:00:00Z"))).toBeNull();
});

test("a night in which the clocks are changed ends at the same time of the clock", () => {
  expect(iso(quietUntil(NIGHT, "Europe/Berlin", at("2025-03-29T22:00:00Z")))).toBe("2025-03-30T06:30:00.000Z");
  expect(iso(quietUntil(NIGHT, "Europe/Berlin", at("2025-10-25T22:00:00Z")))).toBe("2025-10-26T07:30:00.000Z");
});

test("a minute that the clock skips is over when the clock has gone on", () => {
  const short = { from: "01:00", to: "02:30", timezone: "Europe/Berlin" };
  const until = quietUntil(short, null, at("2025-03-30T00:30:00Z")) ?? 0;
  expect(quietUntil(short, null, until)).toBeNull();
  expect(until).toBeLessThanOrEqual(at("2025-03-30T02:30:00Z"));
});

test("quiet hours whose only break the clock skips last until the break of the next day", () => {
  const nearlyAlways = { from: "01:00", to: "00:30", timezone: "Africa/Cairo" };
  expect(iso(quietUntil(nearlyAlways, null, at("2025-04-24T12:00:00Z")))).toBe("2025-04-25T21:30:00.000Z");
});

test("wherever somebody lives, nothing is quiet any more when the quiet hours end, and everything is until then", () => {
  const zones = ["Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia", "Europe/London"];
  const time = fc.integer({ min: 0, max: 95 }).map((quarter) => {
    return `${String(Math.floor(quarter / 4)).padStart(2, "0")}:${String((quarter % 4) * 15).padStart(2, "0")}`;
  });
  const instant = fc.integer({ min: at("2024-01-01T00:00:00Z"), max: at("2026-12-31T00:00:00Z") });
  fc.assert(
    fc.property(time, time, fc.constantFrom(...zones), instant, (from, to, zone, now) => {
      fc.pre(from !== to);
      const quiet = { from, to, timezone: "UTC" };
      const until = quietUntil(quiet, zone, now);
      if (until === null) return;
      expect(until).toBeGreaterThan(now);
      expect(quietUntil(quiet, zone, until)).toBeNull();
      expect(quietUntil(quiet, zone, Math.max(now, until - 60_000))).not.toBeNull();
    }),
    { numRuns: 2_000 },
  );
});
