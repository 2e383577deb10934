/** Owns the contract that every engine's reading of rules keeps: it finds the leads that the reference evaluator finds. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Instant } from "../instant.ts";
import type { Lead } from "../lead/lead.ts";
import { matches } from "../segment/evaluate.ts";
import { parseRule } from "../segment/parse-rule.ts";
import { COMPARISON_OPERATORS, type Comparison, type Rule } from "../segment/rule.ts";
import { sampleComparisons, sampleRules } from "./rule-samples.ts";
import { SAMPLE_NOW } from "./rule-vocabulary.ts";

/** Puts `leads`, and no others, into the engine, and answers for each rule the `_id`s of those that match, in any order. */
export type MatchIds = (leads: Lead[], rules: Rule[], now: Instant) => Promise<string[][]>;

const RUNS = 150;
const RULES_PER_RUN = 20;
/** Fewer checks of one kind with one outcome, of hundreds, would not show much. */
const RARELY = 5;

export function describeRuleMeaning(engine: string, matchIds: MatchIds): void {
  const expectSameMatches = async (leads: Lead[], rules: Rule[]): Promise<string[][]> => {
    expect(rules.filter((rule) => !parseRule(rule).ok)).toEqual([]);
    const expected = rules.map((rule) => leads.filter((lead) => matches(rule, lead, SAMPLE_NOW)).map((lead) => lead._id));
    const found = await matchIds(leads, rules, SAMPLE_NOW);
    const told = (ids: string[][]) => rules.map((rule, index) => ({ rule, ids: ids[index]?.toSorted() }));
    expect(told(found)).toEqual(told(expected));
    return expected;
  };

  describe(`rules on ${engine} mean what the reference evaluator says`, () => {
    test("for random comparisons, each operator of which meets leads that match and leads that do not", async () => {
      const seen = new Map<string, { matching: number; other: number }>();
      const property = fc.asyncProperty(sampleComparisons(RULES_PER_RUN), async ({ leads, rules }) => {
        const expected = await expectSameMatches(leads, rules);
        for (const [index, { operator, left }] of rules.entries()) {
          const kind = `${operator} on ${left.value.startsWith("metadata.") ? "metadata" : "a field"}`;
          const matching = expected[index]?.length ?? 0;
          const counts = seen.get(kind) ?? { matching: 0, other: 0 };
          seen.set(kind, { matching: counts.matching + matching, other: counts.other + leads.length - matching });
        }
      });
      await fc.assert(property, { numRuns: RUNS });
      expect(seen.size).toBe(2 * COMPARISON_OPERATORS.length);
      expect([...seen].filter(([, { matching, other }]) => Math.min(matching, other) < RARELY)).toEqual([]);
    });

    test("for random combinations, many of which part the leads in two", async () => {
      let parting = 0;
      let asked = 0;
      const property = fc.asyncProperty(sampleRules(RULES_PER_RUN), async ({ leads, rules }) => {
        const expected = await expectSameMatches(leads, rules);
        asked += expected.length;
        parting += expected.filter((ids) => ids.length > 0 && ids.length < leads.length).length;
      });
      await fc.assert(property, { numRuns: RUNS });
      expect(parting / asked).toBeGreaterThan(0.25);
    });

    test("for rules as large as they may be", async () => {
      for (const { leads, rules } of fc.sample(sampleComparisons(999), { numRuns: 3, seed: 1 })) {
        await expectSameMatches(leads, largeRules(rules));
      }
    });
  });
}

function largeRules(comparisons: Comparison[]): Rule[] {
  const many = <T>(value: (index: number) => T): T[] => Array.from({ length: 10_000 }, (_, index) => value(index));
  const oneOf = (name: string, values: (string | number)[]): Comparison => ({
    type: "comparison",
    operator: "IN",
    left: { type: "field", value: name },
    right: { type: "literal", value: values },
  });
  let deep: Rule = oneOf("metadata.tier", ["gold"]);
  for (let level = 1; level < 32; level++) deep = { op: "NOT", children: [deep] };
  return [
    { op: "AND", children: comparisons },
    { op: "OR", children: comparisons },
    { op: "NOT", children: [{ op: "OR", children: comparisons.slice(1) }] },
    deep,
    oneOf(
      "total_spend",
      many((index) => index / 10),
    ),
    oneOf("tags", ["gold", ...many((index) => `tag ${index}`)].slice(0, 10_000)),
    oneOf("metadata.tier", ["gold", ...many((index) => (index % 2 === 0 ? index : `${index}`))].slice(0, 10_000)),
  ];
}
