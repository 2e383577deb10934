/** Owns the MongoDB filter that a rule means, over documents shaped like leads with dates for instants. */
import { unreachable } from "@mini-crm/core/app-error";
import type { Instant } from "@mini-crm/core/instant";
import { isJsonObject, type JsonObject, type JsonValue } from "@mini-crm/core/json";
import { readComparison, type Test } from "@mini-crm/core/segment/condition";
import type { Field, ScalarField, ScalarType } from "@mini-crm/core/segment/fields";
import type { Rule, Scalar } from "@mini-crm/core/segment/rule";
import { isoDate, ORDER_OPERATOR } from "./comparison-operators.ts";
import { metadataExpression } from "./metadata-expression.ts";
import { textPattern } from "./text-pattern.ts";

/**
 * Returns a filter for `find`, in extended JSON: dates are `{ $date }`. MongoDB's comparisons keep to one type and hold for any
 * element of a list, as the rule language's do, so that most of a rule becomes what one would write by hand.
 */
export function ruleAsMongoQuery(rule: Rule, now: Instant): JsonObject {
  if (!("op" in rule)) {
    const { field, test, negated } = readComparison(rule, now);
    return negated ? negation(fieldQuery(field, test)) : fieldQuery(field, test);
  }
  switch (rule.op) {
    case "AND":
      return { $and: rule.children.map((child) => ruleAsMongoQuery(child, now)) };
    case "OR":
      return { $or: rule.children.map((child) => ruleAsMongoQuery(child, now)) };
    case "NOT":
      return { $nor: [ruleAsMongoQuery(rule.children[0], now)] };
    default:
      return unreachable(rule);
  }
}

function fieldQuery(field: Field, test: Test): JsonObject {
  switch (field.kind) {
    case "scalar":
      return scalarQuery(field.name, field.type, test);
    case "list":
      if (test.kind === "exists") return { [`${field.name}.0`]: { $exists: true } };
      return { [field.name]: test.kind === "between" ? { $elemMatch: condition(test) } : condition(test) };
    case "metadata":
      return metadataQuery(field.path, test);
    default:
      return unreachable(field);
  }
}

function scalarQuery(name: ScalarField, type: ScalarType, test: Test): JsonObject {
  const path = name === "consent" ? "consent.state" : name;
  if (test.kind === "exists") return { [path]: { $ne: null } };
  return { [path]: condition(test, (value) => (type === "date" ? isoDate(Number(value)) : value)) };
}

/** MongoDB takes a number in a path for a place in a list, and walks through the elements of lists: both are fenced off. */
function metadataQuery(path: readonly string[], test: Test): JsonObject {
  const isPlain = path.every((key) => !key.startsWith("$") && !key.includes("."));
  if (!isPlain || test.kind === "time") return { $expr: metadataExpression(path, test) };
  const nameOf = (keys: readonly string[]) => ["metadata", ...keys].join(".");
  const outer = path.slice(1).map((_, index) => nameOf(path.slice(0, index + 1)));
  const fences = outer.map((name): [string, JsonObject] => [name, { $not: { $type: "array" } }]);
  return { ...Object.fromEntries(fences), ...metadataTest(nameOf(path), test) };
}

/** `null` in a filter would also find what is missing, and the two ends of a range could be met by two elements of a list. */
function metadataTest(name: string, test: Exclude<Test, { kind: "time" }>): JsonObject {
  if (test.kind === "exists") return { [name]: { $exists: true } };
  const isNull = { [name]: { $type: "null" } };
  if (test.kind === "equal" && test.value === null) return isNull;
  if (test.kind === "in" && test.values.includes(null)) {
    return { $or: [{ [name]: condition({ kind: "in", values: test.values.filter((value) => value !== null) }) }, isNull] };
  }
  if (test.kind !== "between") return { [name]: condition(test) };
  const range = condition(test);
  return { $or: [{ [name]: { ...range, $not: { $type: "array" } } }, { [name]: { $elemMatch: range } }] };
}

function condition(
  test: Exclude<Test, { kind: "exists" }>,
  literal: (value: Scalar) => JsonValue = (value) => value,
): JsonObject {
  switch (test.kind) {
    case "equal":
      return { $eq: literal(test.value) };
    case "in":
      return { $in: test.values.map(literal) };
    case "order":
      return { [ORDER_OPERATOR[test.operator]]: literal(test.bound) };
    case "between":
      return { $gte: literal(test.low), $lte: literal(test.high) };
    case "text":
      return { $regex: textPattern(test.text, test.place) };
    case "time":
      throw new Error("Only $expr finds dates in texts");
    default:
      return unreachable(test);
  }
}

const OPPOSITE = new Map([
  ["$eq", "$ne"],
  ["$ne", "$eq"],
  ["$in", "$nin"],
]);

/** The exact opposite: it also finds what has no such field, as MongoDB's own `$ne`, `$nin` and `$not` do. */
function negation(query: JsonObject): JsonObject {
  const [[name, test] = ["", null], ...more] = Object.entries(query);
  if (more.length > 0 || name.startsWith("$") || !isJsonObject(test)) return { $nor: [query] };
  const [[operator, value] = ["", null], ...others] = Object.entries(test);
  const opposite = others.length === 0 ? OPPOSITE.get(operator) : undefined;
  if (opposite !== undefined) return { [name]: { [opposite]: value } };
  return { [name]: operator === "$exists" ? { $exists: false } : { $not: test } };
}
