import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { instantOfLocal } from "./local-time.ts";

const utc = (local: string, timezone: string) => {
  const at = instantOfLocal(local, timezone);
  return at === null ? null : new Date(at).toISOString();
};

describe("a clock on the wall", () => {
  test.each([
    ["2026-12-24T09:00", "Europe/Berlin", "2026-12-24T08:00:00.000Z"],
    ["2026-07-24T09:00", "Europe/Berlin", "2026-07-24T07:00:00.000Z"],
    ["2026-12-24T09:00:30.250", "America/New_York", "2026-12-24T14:00:30.250Z"],
    ["2026-01-01T00:00", "Pacific/Kiritimati", "2025-12-31T10:00:00.000Z"],
    ["2026-01-01T23:59:59", "Pacific/Pago_Pago", "2026-01-02T10:59:59.000Z"],
    ["2026-06-01T12:00", "Asia/Kathmandu", "2026-06-01T06:15:00.000Z"],
    ["2026-06-01T12:00", "UTC", "2026-06-01T12:00:00.000Z"],
    ["2028-02-29T00:00", "Asia/Tokyo", "2028-02-28T15:00:00.000Z"],
  ])("at %s in %s shows %s", (local, timezone, expected) => {
    expect(utc(local, timezone)).toBe(expected);
  });

  test("shows a time twice where it is set back, and the first one counts", () => {
    expect(utc("2026-10-25T02:30", "Europe/Berlin")).toBe("2026-10-25T00:30:00.000Z");
    expect(utc("2026-11-01T01:00", "America/New_York")).toBe("2026-11-01T05:00:00.000Z");
    expect(utc("2026-04-05T01:45", "Australia/Lord_Howe")).toBe("2026-04-04T14:45:00.000Z");
  });

  test("leaves a time out where it is set forward, and it counts as long after the change", () => {
    expect(utc("2026-03-29T02:30", "Europe/Berlin")).toBe(utc("2026-03-29T03:30", "Europe/Berlin"));
    expect(utc("2026-03-08T02:00", "America/New_York")).toBe("2026-03-08T07:00:00.000Z");
    expect(utc("2026-10-04T02:15", "Australia/Lord_Howe")).toBe(utc("2026-10-04T02:45", "Australia/Lord_Howe"));
    expect(utc("2011-12-30T12:00", "Pacific/Apia")).toBe(utc("2011-12-31T12:00", "Pacific/Apia"));
  });

  test("shows what it is read from, in every zone and at every moment but those that are left out", () => {
    const zones = Intl.supportedValuesOf("timeZone");
    const moments = fc.integer({ min: Date.UTC(2024, 0), max: Date.UTC(2030, 0) });
    fc.assert(
      fc.property(fc.constantFrom(...zones), moments, (timeZone, at) => {
        const second = at - (at % 1_000);
        const local = new Intl.DateTimeFormat("sv", { timeZone, dateStyle: "short", timeStyle: "medium" }).format(second);
        const read = instantOfLocal(local.replace(" ", "T"), timeZone);
        // A time that comes twice is read as its first coming.
        expect([second, second - 3_600_000, second - 1_800_000, second - 7_200_000]).toContain(read);
      }),
    );
  });
});

test.each([
  "2026-12-24",
  "2026-12-24T09:00Z",
  "2026-12-24T09:00+01:00",
  "2026-02-30T09:00",
  "2026-12-24 09:00",
  "T",
  "",
  "24.12.2026",
])("%j is none", (text) => {
  expect(instantOfLocal(text, "Europe/Berlin")).toBeNull();
});
