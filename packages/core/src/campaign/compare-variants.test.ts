import { describe, expect, test } from "vitest";
import type { LedgerCount } from "../ports/store.ts";
import { compareVariants, newcombe, wilson } from "./compare-variants.ts";

const rounded = ({ low, high }: { low: number; high: number }) => [low, high].map((bound) => Number(bound.toFixed(4)));

describe("Wilson's interval is as published", () => {
  // Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3; and 8 of 10.
  test.each([
    [81, 263, [0.2553, 0.3662]],
    [15, 148, [0.0624, 0.1605]],
    [0, 20, [0, 0.1611]],
    [1, 29, [0.0061, 0.1718]],
    [8, 10, [0.4902, 0.9433]],
  ])("%i of %i", (part, whole, interval) => {
    expect(rounded(wilson(part, whole))).toEqual(interval);
  });

  test("and of all it is the mirror of none", () => {
    const [none, all] = [wilson(0, 20), wilson(20, 20)];
    expect([all.low, all.high]).toEqual([1 - none.high, 1]);
  });
});

describe("Newcombe's interval is as published", () => {
  // Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10.
  test.each([
    [56, 70, 48, 80, [0.0524, 0.3339]],
    [9, 10, 3, 10, [0.1705, 0.809]],
    [6, 7, 2, 7, [0.0582, 0.8062]],
    [5, 56, 0, 29, [-0.0381, 0.1926]],
    [0, 10, 0, 20, [-0.1611, 0.2775]],
    [0, 10, 0, 10, [-0.2775, 0.2775]],
    [10, 10, 0, 20, [0.6791, 1]],
    [10, 10, 0, 10, [0.6075, 1]],
  ])("%i of %i against %i of %i", (a, ofA, b, ofB, interval) => {
    expect(rounded(newcombe(wilson(a, ofA), wilson(b, ofB)))).toEqual(interval);
  });
});

const VARIANTS = ["A", "B"].map((name) => ({ name, percent: 50, template: name }));

function counts(variant: number, messages: Partial<Record<LedgerCount["status"], number>>): LedgerCount[] {
  return Object.entries(messages).map(([status, count]) => {
    return { status: status as LedgerCount["status"], code: null, variant, messages: count };
  });
}

test("figures are cumulative, and nobody who was not tried is among them", () => {
  const [a, b] = compareVariants(
    VARIANTS,
    [
      ...counts(0, {
        SENT: 5,
        DELIVERED: 20,
        READ: 30,
        FAILED: 4,
        UNCERTAIN: 1,
        PENDING: 700,
        SKIPPED: 50,
        CANCELLED: 2,
        SENDING: 9,
      }),
      ...counts(1, { READ: 3 }),
    ],
    [{ variant: 0, replied: 6, opted_out: 2 }],
  );
  expect(a?.figures).toEqual({ messages: 60, delivered: 50, read: 30, replied: 6, opted_out: 2, failed: 4 });
  expect(a?.shares?.read).toEqual({ value: 0.5, low: 0.3774, high: 0.6226 });
  expect(a?.differences).toBeNull();
  expect(b?.figures).toEqual({ messages: 3, delivered: 3, read: 3, replied: 0, opted_out: 0, failed: 0 });
});

describe("what may be said", () => {
  const verdicts = (a: Parameters<typeof counts>[1], b: Parameters<typeof counts>[1], replied = 0) => {
    const reactions = [{ variant: 1, replied, opted_out: 0 }];
    const differences = compareVariants(VARIANTS, [...counts(0, a), ...counts(1, b)], reactions)[1]?.differences;
    return { read: differences?.read.verdict, failed: differences?.failed.verdict, replied: differences?.replied.verdict };
  };

  test("is which one does better, by how much, where that is more than chance", () => {
    expect(verdicts({ READ: 48, DELIVERED: 32 }, { READ: 56, DELIVERED: 14 }).read).toBe(
      "B is read more often than A: +20.0 points (5.2 to 33.4)",
    );
    expect(verdicts({ READ: 56, DELIVERED: 14 }, { READ: 48, DELIVERED: 32 }).read).toBe(
      "B is read less often than A: -20.0 points (-33.4 to -5.2)",
    );
    expect(verdicts({ SENT: 90, FAILED: 10 }, { SENT: 60, FAILED: 40 }).failed).toMatch(
      /^B fails more often than A: \+30\.0 points/,
    );
    expect(verdicts({ SENT: 100 }, { SENT: 100 }, 20).replied).toMatch(/^B is answered more often than A: \+20\.0 points/);
  });

  test("is nothing where it may be chance, and how many more would tell", () => {
    expect(verdicts({ READ: 50, DELIVERED: 50 }, { READ: 55, DELIVERED: 45 }).read).toBe(
      "How often they are read cannot be told apart: +5.0 points (-8.7 to 18.4); a difference as large as this would show after " +
        "about 660 more messages of each",
    );
    expect(verdicts({ READ: 5, SENT: 5 }, { READ: 5, SENT: 5 }).read).toBe(
      "How often they are read cannot be told apart: +0.0 points (-37.3 to 37.3)",
    );
  });

  test("is nothing at all while one of them was not sent", () => {
    expect(compareVariants(VARIANTS, counts(0, { READ: 5 }), [])[1]).toMatchObject({ shares: null, differences: null });
  });
});
