import fc from "fast-check";
import { expect, test } from "vitest";
import type { WebSettings } from "./channel.ts";
import { pauseMs, recipientsPerDayOf } from "./pacing.ts";

const DAY_MS = 86_400_000;
const DEFAULTS: WebSettings = { pause_seconds: { from: 5, to: 30 }, warm_up: true };
const GROWN_UP: WebSettings = { ...DEFAULTS, warm_up: false };

test("a grown-up number pauses for a time drawn from its span", () => {
  const at = 30 * DAY_MS;
  expect([0, 0.5, 0.999].map((chance) => pauseMs(DEFAULTS, 0, at, chance))).toEqual([5_000, 17_500, 29_975]);
  expect(pauseMs(GROWN_UP, null, at, 0)).toBe(5_000);
});

test("a number that warms up pauses for 30 to 60 seconds in its first week, which is 80 messages an hour", () => {
  expect([0, 0.999].map((chance) => pauseMs(DEFAULTS, 0, 7 * DAY_MS - 1, chance))).toEqual([30_000, 59_970]);
  expect(3_600_000 / pauseMs(DEFAULTS, 0, 0, 0.5)).toBe(80);
  expect(pauseMs(DEFAULTS, 0, 7 * DAY_MS, 0)).toBe(5_000);
  expect(pauseMs(DEFAULTS, null, 100 * DAY_MS, 0)).toBe(30_000);
});

test("whoever wants longer pauses than a young number's gets them", () => {
  const slow: WebSettings = { pause_seconds: { from: 90, to: 120 }, warm_up: true };
  expect([0, 0.5].map((chance) => pauseMs(slow, 0, 0, chance))).toEqual([90_000, 105_000]);
});

test("a pause is never shorter than the settings say, nor longer than their end or a young number's", () => {
  const seconds = fc.integer({ min: 0, max: 600 });
  fc.assert(
    fc.property(
      seconds,
      seconds,
      fc.nat(40),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (a, b, day, chance) => {
        const settings: WebSettings = { pause_seconds: { from: Math.min(a, b), to: Math.max(a, b) }, warm_up: true };
        const pause = pauseMs(settings, 0, day * DAY_MS, chance);
        expect(pause).toBeGreaterThanOrEqual(Math.min(a, b) * 1_000);
        expect(pause).toBeLessThanOrEqual(Math.max(a, b, 60) * 1_000);
      },
    ),
  );
});

test("a number writes to 20 people on its first day, to more from day to day, and to all from the fifteenth on", () => {
  const perDay = Array.from({ length: 16 }, (_, day) => recipientsPerDayOf(DEFAULTS, 0, day * DAY_MS));
  expect(perDay).toEqual([20, 27, 36, 49, 66, 89, 121, 163, 220, 297, 402, 542, 732, 989, null, null]);
  expect(recipientsPerDayOf(DEFAULTS, null, 100 * DAY_MS)).toBe(20);
  expect(recipientsPerDayOf(DEFAULTS, 5 * DAY_MS, 0)).toBe(20);
});

test("without warming up nothing bounds the people of a day", () => {
  expect(recipientsPerDayOf(GROWN_UP, 0, 0)).toBeNull();
});
