/** Owns the tests on metadata that MongoDB's filters cannot say: dates in texts, and keys that would read as paths or operators. */
import { unreachable } from "@mini-crm/core/app-error";
import { isoTimeShape } from "@mini-crm/core/iso-time";
import type { JsonObject, JsonValue } from "@mini-crm/core/json";
import type { Test } from "@mini-crm/core/segment/condition";
import { isoDate, ORDER_OPERATOR } from "./comparison-operators.ts";
import { textPattern } from "./text-pattern.ts";

type ValueTest = Exclude<Test, { kind: "exists" }>;

/** An aggregation expression for `$expr`, true where the value at `path` passes `test`. No index serves for it. */
export function metadataExpression(path: readonly string[], test: Test): JsonObject {
  const parent = valueAt(path.slice(0, -1));
  const object = { $cond: [{ $eq: [{ $type: parent }, "object"] }, parent, {}] };
  const exists = { $in: [{ $literal: path.at(-1) ?? "" }, { $map: { input: { $objectToArray: object }, in: "$$this.k" } }] };
  return test.kind === "exists" ? exists : { $and: [exists, anyPasses(path, test)] };
}

function anyPasses(path: readonly string[], test: ValueTest): JsonObject {
  const value = valueAt(path);
  const candidates = { $cond: [{ $isArray: [value] }, value, [value]] };
  return { $anyElementTrue: [{ $map: { input: candidates, as: "item", in: itemTest("$$item", test) } }] };
}

/** What is missing reads as null; the list of its parent's keys tells the two apart. */
function valueAt(path: readonly string[]): JsonValue {
  return path.reduce<JsonValue>(
    (input, key) => ({ $ifNull: [{ $getField: { field: { $literal: key }, input } }, null] }),
    "$metadata",
  );
}

function itemTest(item: string, test: ValueTest): JsonObject {
  switch (test.kind) {
    case "equal":
      return { $eq: [item, { $literal: test.value }] };
    case "in":
      return { $in: [item, { $literal: [...test.values] }] };
    case "order":
      return { $and: [isLike(item, test.bound), { [ORDER_OPERATOR[test.operator]]: [item, { $literal: test.bound }] }] };
    case "between":
      return {
        $and: [isLike(item, test.low), { $gte: [item, { $literal: test.low }] }, { $lte: [item, { $literal: test.high }] }],
      };
    case "text":
      return { $cond: [isLike(item, test.text), matchesPattern(item, textPattern(test.text, test.place)), false] };
    case "time":
      return {
        $cond: [isLike(item, ""), { $cond: [matchesPattern(item, ISO_TIME), isWithin(item, test.low, test.high), false] }, false],
      };
    default:
      return unreachable(test);
  }
}

/** `$` would also stand before a last line break. */
const ISO_TIME = isoTimeShape.source.replace(/\$$/, "\\z");

function isLike(item: string, literal: string | number): JsonObject {
  return typeof literal === "number" ? { $isNumber: item } : { $eq: [{ $type: item }, "string"] };
}

function matchesPattern(item: string, pattern: string): JsonObject {
  return { $regexMatch: { input: item, regex: { $literal: pattern } } };
}

/** A day that its month does not have is an error, and null comes before every date. */
function isWithin(item: string, low: number, high: number): JsonObject {
  const time = { $convert: { input: item, to: "date", onError: null } };
  return { $let: { vars: { time }, in: { $and: [{ $gte: ["$$time", isoDate(low)] }, { $lte: ["$$time", isoDate(high)] }] } } };
}
