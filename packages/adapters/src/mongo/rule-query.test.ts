/** A rule as MongoDB is asked for it: as one would write it by hand, save where MongoDB means something else. */
import { parseRule } from "@mini-crm/core/segment/parse-rule";
import type { Rule } from "@mini-crm/core/segment/rule";
import { describe, expect, test } from "vitest";
import { ruleAsMongoQuery } from "./rule-query.ts";

const NOW = Date.parse("2025-09-15T16:15:30.000Z");

function rule(field: string, operator: string, value?: unknown): Rule {
  const left = { type: "comparison", operator, left: { type: "field", value: field } };
  const read = parseRule(value === undefined ? left : { ...left, right: { type: "literal", value } });
  if (!read.ok) throw new Error(read.problem.message);
  return read.rule;
}

function query(field: string, operator: string, value?: unknown): unknown {
  return ruleAsMongoQuery(rule(field, operator, value), NOW);
}

test("the walkthrough's nested rule reads as one would write it", () => {
  const richOrJohn: Rule = {
    op: "OR",
    children: [
      { op: "AND", children: [rule("total_spend", ">", 2000), rule("visits", ">=", 10)] },
      rule("emails", "IN", ["john.doe@example.com"]),
    ],
  };
  expect(ruleAsMongoQuery(richOrJohn, NOW)).toEqual({
    $or: [{ $and: [{ total_spend: { $gt: 2000 } }, { visits: { $gte: 10 } }] }, { emails: { $in: ["john.doe@example.com"] } }],
  });
});

describe("a lead's own fields", () => {
  test.each([
    ["visits", "==", 5, { visits: { $eq: 5 } }],
    ["visits", "<", 5, { visits: { $lt: 5 } }],
    ["visits", "<=", 5, { visits: { $lte: 5 } }],
    ["visits", "BETWEEN", [1, 5], { visits: { $gte: 1, $lte: 5 } }],
    ["name", "EXISTS", undefined, { name: { $ne: null } }],
    ["name", "CONTAINS", "a.b", { name: { $regex: "a\\.b" } }],
    ["name", "STARTS_WITH", "(Dr", { name: { $regex: "^\\(Dr" } }],
    ["name", "ENDS_WITH", "$", { name: { $regex: "\\$\\z" } }],
    ["consent", "==", "opted_in", { "consent.state": { $eq: "opted_in" } }],
    ["consent.source", "EXISTS", undefined, { "consent.source": { $ne: null } }],
    ["last_order_at", ">=", "2025-01-10T10:00+02:00", { last_order_at: { $gte: { $date: "2025-01-10T08:00:00.000Z" } } }],
    ["created_at", "IN", ["2025-01-10"], { created_at: { $in: [{ $date: "2025-01-10T00:00:00.000Z" }] } }],
    [
      "last_order_at",
      "WITHIN_LAST",
      "1d",
      { last_order_at: { $gte: { $date: "2025-09-14T16:15:30.000Z" }, $lte: { $date: "2025-09-15T16:15:30.000Z" } } },
    ],
  ])("%s %s %j", (field, operator, value, expected) => {
    expect(query(field, operator, value)).toEqual(expected);
  });
});

describe("lists", () => {
  test("one element must meet a range alone", () => {
    expect(query("tags", "BETWEEN", ["a", "b"])).toEqual({ tags: { $elemMatch: { $gte: "a", $lte: "b" } } });
  });

  test("exist where they have a first element", () => {
    expect(query("emails", "EXISTS")).toEqual({ "emails.0": { $exists: true } });
    expect(query("emails", "NOT_EXISTS")).toEqual({ "emails.0": { $exists: false } });
  });
});

describe("negations also find what has no such field", () => {
  test.each([
    ["name", "!=", "a", { name: { $ne: "a" } }],
    ["tags", "NOT_IN", ["a"], { tags: { $nin: ["a"] } }],
    ["name", "NOT_EXISTS", undefined, { name: { $eq: null } }],
    ["name", "NOT_CONTAINS", "a", { name: { $not: { $regex: "a" } } }],
    ["metadata.tier", "NOT_EXISTS", undefined, { "metadata.tier": { $exists: false } }],
    ["metadata.tier", "!=", null, { "metadata.tier": { $not: { $type: "null" } } }],
    [
      "consent.at",
      "NOT_WITHIN_LAST",
      "1d",
      { "consent.at": { $not: { $gte: { $date: "2025-09-14T16:15:30.000Z" }, $lte: { $date: "2025-09-15T16:15:30.000Z" } } } },
    ],
    ["metadata.a.b", "!=", 1, { $nor: [{ "metadata.a": { $not: { $type: "array" } }, "metadata.a.b": { $eq: 1 } }] }],
  ])("%s %s %j", (field, operator, value, expected) => {
    expect(query(field, operator, value)).toEqual(expected);
  });

  test("NOT turns a whole rule around", () => {
    expect(ruleAsMongoQuery({ op: "NOT", children: [rule("visits", ">", 1)] }, NOW)).toEqual({ $nor: [{ visits: { $gt: 1 } }] });
  });
});

describe("metadata", () => {
  test.each([
    ["metadata.tier", "==", "gold", { "metadata.tier": { $eq: "gold" } }],
    ["metadata.tier", "==", "$gold", { "metadata.tier": { $eq: "$gold" } }],
    ["metadata.tier", "EXISTS", undefined, { "metadata.tier": { $exists: true } }],
    ["metadata.tier", "==", null, { "metadata.tier": { $type: "null" } }],
    ["metadata.tier", "IN", [1, null], { $or: [{ "metadata.tier": { $in: [1] } }, { "metadata.tier": { $type: "null" } }] }],
    [
      "metadata.score",
      "BETWEEN",
      [1, 5],
      {
        $or: [
          { "metadata.score": { $gte: 1, $lte: 5, $not: { $type: "array" } } },
          { "metadata.score": { $elemMatch: { $gte: 1, $lte: 5 } } },
        ],
      },
    ],
    [
      "metadata.a.b.0",
      ">",
      1,
      {
        "metadata.a": { $not: { $type: "array" } },
        "metadata.a.b": { $not: { $type: "array" } },
        "metadata.a.b.0": { $gt: 1 },
      },
    ],
  ])("%s %s %j", (field, operator, value, expected) => {
    expect(query(field, operator, value)).toEqual(expected);
  });

  test.each(['metadata."a.b"', "metadata.$set", "metadata.a.$set"])(
    "%s, which would read as something else, is an expression",
    (field) => {
      for (const [operator, value] of [
        ["==", "$x"],
        ["EXISTS"],
        ["IN", [1]],
        ["<", 1],
        ["BETWEEN", ["a", "b"]],
        ["CONTAINS", "$"],
      ] as const) {
        expect(query(field, operator, value)).toEqual({ $expr: expect.anything() });
      }
    },
  );

  test("a text of the rule is never read as an expression", () => {
    expect(JSON.stringify(query("metadata.$set", "==", "$name"))).toContain('["$$item",{"$literal":"$name"}]');
    expect(JSON.stringify(query("metadata.$set", "STARTS_WITH", "$name"))).toContain('{"$literal":"^\\\\$name"}');
  });

  test("a date in a text is read by the server, and only where it is strictly ISO 8601", () => {
    const text = JSON.stringify(query("metadata.since", "WITHIN_LAST", "1d"));
    expect(text).toContain('{"$convert":{"input":"$$item","to":"date","onError":null}}');
    expect(text).toContain('"$$time",{"$date":"2025-09-14T16:15:30.000Z"}');
    expect(text).toContain("$regexMatch");
    expect(text).not.toContain("$where");
  });
});
