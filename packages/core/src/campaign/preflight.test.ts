import { expect, test } from "vitest";
import { NO_OPTIONS } from "./options.ts";
import { firstOf, forecastOf } from "./preflight.ts";
import { emptySurvey, type Survey } from "./survey.ts";

const NOW = Date.UTC(2025, 0, 15, 12);
const MINUTE_MS = 60_000;
const THIRTY = { messages: 30, windowMs: MINUTE_MS };
const CANARY = { percent: 10, wait_minutes: 15, max_failed_percent: 10, max_opted_out_percent: 2 };

const found = (fields: Partial<Survey>): Survey => ({ ...emptySurvey(1), ...fields });

function minutes(survey: Survey, options = {}, channel = {}): number | null {
  const shown = { survey, options: { ...NO_OPTIONS, ...options } };
  const end = forecastOf(shown, { ahead: 0, rate: THIRTY, measuredPerMinute: null, now: NOW, ...channel });
  return end === null ? null : (end - NOW) / MINUTE_MS;
}

test.each([
  ["those who match and are not sent to take no time", found({ matched: 1_000, variants: [60] }), {}, {}, 1],
  ["those of others go first", found({ matched: 60, variants: [60] }), {}, { ahead: 30 }, 2],
  [
    "whoever is in quiet hours goes after them",
    found({ matched: 60, variants: [60], quiet: { leads: 31, until: NOW + 60 * MINUTE_MS } }),
    {},
    {},
    61,
  ],
  [
    "the others go while these wait",
    found({ matched: 600, variants: [600], quiet: { leads: 1, until: NOW + 5 * MINUTE_MS } }),
    {},
    {},
    19,
  ],
  [
    "after the first the canary waits, and then the others go",
    found({ matched: 310, variants: [310] }),
    { canary: CANARY },
    {},
    1 + 15 + 9,
  ],
  ["where all of them go first, nobody waits", found({ matched: 1, variants: [1] }), { canary: CANARY }, {}, 0],
  [
    "who goes first counts among the people of the same day as the others",
    found({ matched: 540, variants: [540] }),
    { canary: CANARY },
    { rate: null, measuredPerMinute: 1_000, people: { most: 500, recipients: 0, resetAt: NOW } },
    24 * 60,
  ],
  [
    "the people of a day hold up what the rate would let go",
    found({ matched: 60, variants: [60] }),
    {},
    { people: { most: 250, recipients: 240, resetAt: NOW + 90 * MINUTE_MS } },
    90,
  ],
  ["nobody is sent anything at no time", found({ matched: 5 }), {}, {}, null],
  ["without a limit nobody knows", found({ matched: 5, variants: [5] }), {}, { rate: null }, null],
] as const)("%s", (_what, survey, options, channel, expected) => {
  expect(minutes(survey, options, channel)).toBe(expected);
});

test("as many go first as the canary takes of those who match, as far as they are sent to", () => {
  const options = { ...NO_OPTIONS, canary: CANARY };
  expect(firstOf({ options, survey: found({ matched: 100, variants: [50] }) })).toBe(10);
  expect(firstOf({ options, survey: found({ matched: 100, variants: [7] }) })).toBe(7);
  expect(firstOf({ options: NO_OPTIONS, survey: found({ matched: 100, variants: [50] }) })).toBeNull();
});
