/** The meaning of rules, sentence by sentence. */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../json.ts";
import type { Lead } from "../lead/lead.ts";
import { matches } from "./evaluate.ts";
import { parseRule } from "./parse-rule.ts";
import type { Rule } from "./rule.ts";

const NOW = Date.parse("2025-09-15T16:15:30.000Z");
const DAY_MS = 86_400_000;

const JOHN: Lead = {
  _id: "65a4b2c8d9e8f123456789ab",
  external_id: null,
  name: "John Doe",
  emails: ["john.doe@example.com", "jd@example.org"],
  phones: [],
  total_spend: 1500,
  visits: null,
  last_order_at: NOW - 30 * DAY_MS,
  tags: ["vip"],
  timezone: null,
  consent: { state: "opted_in", source: "form", at: null },
  metadata: {},
  created_at: NOW,
  updated_at: NOW,
};

function rule(field: string, operator: string, value?: unknown): Rule {
  const left = { type: "comparison", operator, left: { type: "field", value: field } };
  const read = parseRule(value === undefined ? left : { ...left, right: { type: "literal", value } });
  if (!read.ok) throw new Error(read.problem.message);
  return read.rule;
}

function isTrue(field: string, operator: string, value?: unknown, lead: Partial<Lead> = {}): boolean {
  return matches(rule(field, operator, value), { ...JOHN, ...lead }, NOW);
}

function inMetadata(metadata: JsonObject, field: string, operator: string, value?: unknown): boolean {
  return isTrue(field, operator, value, { metadata });
}

test("own fields are compared as what they are", () => {
  expect(isTrue("total_spend", ">", 1000)).toBe(true);
  expect(isTrue("total_spend", ">", 1500)).toBe(false);
  expect(isTrue("total_spend", ">=", 1500)).toBe(true);
  expect(isTrue("total_spend", "BETWEEN", [1500, 1600])).toBe(true);
  expect(isTrue("total_spend", "IN", [1, 1500])).toBe(true);
  expect(isTrue("name", "==", "John Doe")).toBe(true);
  expect(isTrue("name", "STARTS_WITH", "john")).toBe(false);
  expect(isTrue("name", "ENDS_WITH", "Doe")).toBe(true);
  expect(isTrue("name", "CONTAINS", "n D")).toBe(true);
  expect(isTrue("consent", "==", "opted_in")).toBe(true);
  expect(isTrue("consent.source", "IN", ["form"])).toBe(true);
  expect(isTrue("consent.at", "EXISTS")).toBe(false);
  expect(isTrue("_id", "==", JOHN._id)).toBe(true);
  expect(isTrue("last_order_at", "==", "2025-08-16T18:15:30+02:00")).toBe(true);
  expect(isTrue("last_order_at", "<", "2025-08-16")).toBe(false);
});

test("a list holds where any of its elements does", () => {
  expect(isTrue("emails", "IN", ["jd@example.org"])).toBe(true);
  expect(isTrue("emails", "CONTAINS", "@example.com")).toBe(true);
  expect(isTrue("emails", "!=", "jd@example.org")).toBe(false);
  expect(isTrue("emails", "NOT_CONTAINS", "@gmail.com")).toBe(true);
});

describe("a missing field", () => {
  const absent = ["external_id", "phones", "visits", "consent.at", "metadata.tier", "metadata.address.city"];
  test.each(absent)("%s fails every test", (field) => {
    const literal = field === "visits" ? 0 : field === "consent.at" ? "2025-01-01" : "";
    expect(isTrue(field, "EXISTS")).toBe(false);
    for (const operator of ["==", "<=", ">="]) expect(isTrue(field, operator, literal)).toBe(false);
    expect(isTrue(field, "IN", [literal])).toBe(false);
    expect(isTrue(field, "BETWEEN", [literal, literal])).toBe(false);
  });

  test.each(absent)("%s passes every negation", (field) => {
    const literal = field === "visits" ? 0 : field === "consent.at" ? "2025-01-01" : "";
    expect(isTrue(field, "NOT_EXISTS")).toBe(true);
    expect(isTrue(field, "!=", literal)).toBe(true);
    expect(isTrue(field, "NOT_IN", [literal])).toBe(true);
  });

  test("is neither within nor without a period", () => {
    expect(isTrue("consent.at", "WITHIN_LAST", "30d")).toBe(false);
    expect(isTrue("consent.at", "NOT_WITHIN_LAST", "30d")).toBe(true);
  });
});

describe("metadata", () => {
  test("an explicit null is a value", () => {
    expect(inMetadata({ tier: null }, "metadata.tier", "EXISTS")).toBe(true);
    expect(inMetadata({ tier: null }, "metadata.tier", "==", null)).toBe(true);
    expect(inMetadata({}, "metadata.tier", "==", null)).toBe(false);
    expect(inMetadata({}, "metadata.tier", "!=", null)).toBe(true);
    expect(inMetadata({ tags: ["a", null] }, "metadata.tags", "IN", [null])).toBe(true);
  });

  test("types never coerce", () => {
    expect(inMetadata({ n: "1500" }, "metadata.n", ">", 1000)).toBe(false);
    expect(inMetadata({ n: "1500" }, "metadata.n", "==", 1500)).toBe(false);
    expect(inMetadata({ n: true }, "metadata.n", "==", 1)).toBe(false);
    expect(inMetadata({ n: 0 }, "metadata.n", "IN", [false, null, ""])).toBe(false);
    expect(inMetadata({ n: 15 }, "metadata.n", "CONTAINS", "5")).toBe(false);
    expect(inMetadata({ n: 15 }, "metadata.n", ">=", "0")).toBe(false);
  });

  test("lists and objects exist, and hold what their scalar elements hold", () => {
    expect(inMetadata({ a: [] }, "metadata.a", "EXISTS")).toBe(true);
    expect(inMetadata({ a: ["x", 5] }, "metadata.a", ">", 4)).toBe(true);
    expect(inMetadata({ a: [1, 9] }, "metadata.a", "BETWEEN", [4, 6])).toBe(false);
    expect(inMetadata({ a: [["x"], { x: "x" }] }, "metadata.a", "==", "x")).toBe(false);
    expect(inMetadata({ a: { x: "x" } }, "metadata.a", "==", "x")).toBe(false);
    expect(inMetadata({ a: { x: "x" } }, "metadata.a", "EXISTS")).toBe(true);
  });

  test("no path leads through a list, nor to what an object inherits", () => {
    expect(inMetadata({ a: [{ b: 1 }] }, "metadata.a.b", "EXISTS")).toBe(false);
    expect(inMetadata({ a: ["x"] }, "metadata.a.0", "EXISTS")).toBe(false);
    expect(inMetadata({ a: ["x"] }, "metadata.a.length", "EXISTS")).toBe(false);
    expect(inMetadata({ a: "text" }, "metadata.a.length", "EXISTS")).toBe(false);
    expect(inMetadata({ a: {} }, "metadata.a.toString", "EXISTS")).toBe(false);
    expect(inMetadata({ a: { b: { c: 1 } } }, "metadata.a.b.c", "==", 1)).toBe(true);
    expect(inMetadata({ "a.b": { c: 1 } }, 'metadata."a.b".c', "==", 1)).toBe(true);
    expect(inMetadata({ "a.b": { c: 1 } }, "metadata.a.b.c", "EXISTS")).toBe(false);
  });
});

test("texts are ordered by code points, not by UTF-16 units", () => {
  const grin = "\u{1f600}";
  expect(grin < "\uffff").toBe(true);
  expect(isTrue("name", ">", "\uffff", { name: grin })).toBe(true);
  expect(isTrue("name", ">", "\ue000", { name: `${grin}x` })).toBe(true);
  expect(isTrue("name", "<", grin, { name: "\ud7ff" })).toBe(true);
  expect(isTrue("name", ">", "ab", { name: "abc" })).toBe(true);
  expect(isTrue("name", ">", "Z", { name: "a" })).toBe(true);
});

test("zero has no sign", () => {
  expect(isTrue("total_spend", "==", 0, { total_spend: -0 })).toBe(true);
  expect(isTrue("total_spend", "IN", [-0], { total_spend: 0 })).toBe(true);
  expect(isTrue("total_spend", "<", 0, { total_spend: -0 })).toBe(false);
});

describe("WITHIN_LAST", () => {
  test.each([
    [NOW, true],
    [NOW + 1, false],
    [NOW - 30 * DAY_MS, true],
    [NOW - 30 * DAY_MS - 1, false],
  ])("of 30d at %d is %s: both ends are included", (last_order_at, expected) => {
    expect(isTrue("last_order_at", "WITHIN_LAST", "30d", { last_order_at })).toBe(expected);
    expect(isTrue("last_order_at", "NOT_WITHIN_LAST", "30d", { last_order_at })).toBe(!expected);
  });

  test.each([
    ["2025-09-15", true],
    ["2025-09-15T18:15:30.000+02:00", true],
    ["2025-09-15T16:15:30.001Z", false],
    ["2025-09-15T10:00Z", true],
    ["2025-09-15T10:00:00", false],
    ["2025-09-15 10:00:00Z", false],
    ["15.09.2025", false],
    ["2025-09-31", false],
    [NOW, false],
    [null, false],
    [["no date", "2025-09-15"], true],
    [[["2025-09-15"]], false],
  ])("in metadata, %j within a day: %s", (since, expected) => {
    expect(inMetadata({ since }, "metadata.since", "WITHIN_LAST", "1d")).toBe(expected);
    expect(inMetadata({ since }, "metadata.since", "NOT_WITHIN_LAST", "1d")).toBe(!expected);
  });

  test("counts minutes, hours, days and weeks", () => {
    for (const [period, durationMs] of [
      ["90m", 5_400_000],
      ["12h", 43_200_000],
      ["3d", 3 * DAY_MS],
      ["2w", 14 * DAY_MS],
    ] as const) {
      expect(isTrue("created_at", "WITHIN_LAST", period, { created_at: NOW - durationMs })).toBe(true);
      expect(isTrue("created_at", "WITHIN_LAST", period, { created_at: NOW - durationMs - 1 })).toBe(false);
    }
  });
});

test("AND needs all, OR needs one, NOT turns its child around", () => {
  const yes = rule("visits", "NOT_EXISTS");
  const no = rule("visits", "EXISTS");
  expect(matches({ op: "AND", children: [yes, yes] }, JOHN, NOW)).toBe(true);
  expect(matches({ op: "AND", children: [yes, no] }, JOHN, NOW)).toBe(false);
  expect(matches({ op: "OR", children: [no, yes] }, JOHN, NOW)).toBe(true);
  expect(matches({ op: "OR", children: [no, no] }, JOHN, NOW)).toBe(false);
  expect(matches({ op: "NOT", children: [no] }, JOHN, NOW)).toBe(true);
  expect(matches({ op: "NOT", children: [rule("visits", ">", 1)] }, JOHN, NOW)).toBe(true);
});

test("a rule that was never checked throws instead of selecting anybody", () => {
  const unchecked: Rule = {
    type: "comparison",
    operator: ">",
    left: { type: "field", value: "nonsense" },
    right: { type: "literal", value: 1 },
  };
  expect(() => matches(unchecked, JOHN, NOW)).toThrow("not checked");
});
