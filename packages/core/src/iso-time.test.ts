import fc from "fast-check";
import { expect, test } from "vitest";
import { parseIsoTime } from "./iso-time.ts";

const read = (text: string): string | null => {
  const time = parseIsoTime(text);
  return time === null ? null : new Date(time).toISOString();
};

test.each([
  ["2025-01-10", "2025-01-10T00:00:00.000Z"],
  ["2025-01-10T10:00:00.000Z", "2025-01-10T10:00:00.000Z"],
  ["2025-01-10T10:00Z", "2025-01-10T10:00:00.000Z"],
  ["2025-01-10T10:00:30+02:00", "2025-01-10T08:00:30.000Z"],
  ["2025-01-10T10:00:00.5-05:30", "2025-01-10T15:30:00.500Z"],
  ["2025-01-10T10:00:00.123987654Z", "2025-01-10T10:00:00.123Z"],
  ["2024-02-29", "2024-02-29T00:00:00.000Z"],
  ["2000-02-29T23:59:59Z", "2000-02-29T23:59:59.000Z"],
])("%s is %s", (text, time) => {
  expect(read(text)).toBe(time);
});

test.each([
  "",
  "yesterday",
  "2025",
  "2025-01",
  "10.01.2025",
  "2025-1-10",
  "2025-13-01",
  "2025-00-10",
  "2025-01-00",
  "2025-01-32",
  "2025-02-29",
  "1900-02-29",
  "2025-04-31T10:00:00Z",
  "2025-01-10T10:00:00",
  "2025-01-10 10:00:00Z",
  "2025-01-10T24:00:00Z",
  "2025-01-10T10:60:00Z",
  "2025-01-10T10:00:60Z",
  "2025-01-10T10:00:00+0200",
  "2025-01-10T10:00:00+24:00",
  "2025-01-10Z",
  "2025-01-10\n",
  " 2025-01-10",
  "+002025-01-10",
])("%j is no time", (text) => {
  expect(parseIsoTime(text)).toBeNull();
});

test("every moment that is written out is read back", () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date("0000-01-01T00:00Z"), max: new Date("9999-12-31T23:59:59.999Z"), noInvalidDate: true }),
      (date) => {
        expect(parseIsoTime(date.toISOString())).toBe(date.getTime());
      },
    ),
  );
});
