/** Owns the values of which random leads and rules are made: few at a time, and chosen for the traps they hold. */
import fc from "fast-check";
import type { Scalar } from "../segment/rule.ts";

/** When the sampled rules are asked: at an hour at which it is yesterday in one of the zones below, and tomorrow in another. */
export const SAMPLE_NOW = Date.parse("2025-03-01T11:00:00.000Z");

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export const PERIODS = ["1m", "12h", "1d", "30d", "2w"];
const INSTANTS = [0, -MINUTE_MS, -DAY_MS / 2, -DAY_MS, -14 * DAY_MS, -30 * DAY_MS].flatMap((distance) =>
  [-1, 0, 1].map((nudge) => SAMPLE_NOW + distance + nudge),
);

/** The same moment in the ways that ISO 8601 writes it; the last drops its time of day. */
function isoForms(instant: number): string[] {
  const local = (offsetMs: number) => new Date(instant + offsetMs).toISOString().slice(0, -1);
  return [`${local(0)}Z`, `${local(14 * 60 * MINUTE_MS)}+14:00`, `${local(-11.5 * 60 * MINUTE_MS)}-11:30`, local(0).slice(0, 10)];
}

/** Nearly dates, which no engine may take for one. */
export const NO_DATES = [
  "2025-02-29",
  "2025-02-28T24:00:00Z",
  "2025-02-28T23:59:60Z",
  "2025-02-28T10:00:00",
  "2025-02-28 10:00:00Z",
  "20250228",
  "2025-02",
];

/** Patterns, escapes, JSON in a text, numbers in a text, and code points whose order in UTF-16 is not that in UTF-8. */
const TEXTS = [
  ..."gold Gold goldfish marigold GOLD g d silver 1 1500 true null é e\u0301".split(" "),
  ...String.raw`% _ g% g_ld * ? [ [g]old ^gold$ .* \ \gold a\b " "gold" the"gold" ' '' ["gold"] ["gold","x"] [] {} {"a":1} [1500]`.split(
    " ",
  ),
  ...["", " ", "gold\n", "\ngold", "\u0001", "\u007f", "\u0085", "\u2028", "\ud7ff", "\ue000", "\uffff", "\uffffg"],
  ...["gold\u{1f600}", "\u{1f600}", "\u{1f600}gold", "\u{10ffff}", "\u{10ffff}g"],
];

/** Zeros, fractions, and integers beyond what a float or 64 bits hold exactly. */
const NUMBERS = [
  ...[0, -0, 1, -1, 2, 5, 12.5, 1500, 0.1, 0.30000000000000004, 1e-7, 1e21, -1e21, 5e-324, Number.MAX_VALUE],
  ...[2 ** 53, 2 ** 60, 2 ** 63],
];

/** What one sample is made of: few enough values that leads and rules often have one in common. */
export interface Vocabulary {
  text: fc.Arbitrary<string>;
  /** Not empty. */
  part: fc.Arbitrary<string>;
  number: fc.Arbitrary<number>;
  instant: fc.Arbitrary<number>;
  date: fc.Arbitrary<string>;
  scalar: fc.Arbitrary<Scalar>;
}

export const vocabulary: fc.Arbitrary<Vocabulary> = fc
  .record({
    texts: fc.subarray(TEXTS, { minLength: 4, maxLength: 7 }),
    numbers: fc.subarray(NUMBERS, { minLength: 3, maxLength: 5 }),
    instants: fc.subarray(INSTANTS, { minLength: 3, maxLength: 6 }),
    anyText: fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\0", "")),
    anyNumber: fc.double({ noNaN: true, noDefaultInfinity: true }),
  })
  .map(({ texts, numbers, instants, anyText, anyNumber }) => {
    const text = fc.constantFrom("gold", anyText, ...texts);
    const number = fc.constantFrom(anyNumber, ...numbers);
    const instant = fc.constantFrom(...instants);
    const date = fc.constantFrom(...instants.flatMap(isoForms));
    const scalar = fc.oneof(
      { arbitrary: text, weight: 6 },
      { arbitrary: number, weight: 4 },
      { arbitrary: fc.constantFrom(true, false, null), weight: 2 },
      { arbitrary: date, weight: 2 },
      fc.constantFrom(...NO_DATES),
    );
    return { text, part: text.filter((value) => value !== ""), number, instant, date, scalar };
  });
