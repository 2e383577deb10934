/** Owns what a comparison asks, read once for every engine: of which field, which test, and whether it must fail. */
import { unreachable } from "../app-error.ts";
import type { Instant } from "../instant.ts";
import { parseIsoTime } from "../iso-time.ts";
import { parseDuration } from "./duration.ts";
import { type Field, parseField } from "./fields.ts";
import type { Comparison, OrderOperator, Scalar } from "./rule.ts";

/**
 * What is asked of a value; of a list, of any element, save for `exists`. Where the field is a date of the lead's own, instants
 * stand for its literals.
 */
export type Test =
  | { kind: "exists" }
  | { kind: "equal"; value: Scalar }
  | { kind: "in"; values: readonly Scalar[] }
  | { kind: "order"; operator: OrderOperator; bound: string | number }
  /** Both included; of one type. */
  | { kind: "between"; low: string | number; high: string | number }
  | { kind: "text"; place: "anywhere" | "start" | "end"; text: string }
  /** A text in metadata that names a moment from `low` to `high`, both included. */
  | { kind: "time"; low: Instant; high: Instant };

export interface Condition {
  field: Field;
  test: Test;
  /** Whether the comparison holds where the test does not: for a missing field too. */
  negated: boolean;
}

/** Reads a comparison that `parseRule` has let through; throws on any other. `WITHIN_LAST` counts back from `now`. */
export function readComparison(comparison: Comparison, now: Instant): Condition {
  const read = parseField(comparison.left.value);
  if (!read.ok) throw new Error(`A rule that was not checked: ${read.problem}`);
  const negated = comparison.operator === "!=" || comparison.operator.startsWith("NOT_");
  return { field: read.field, test: testOf(comparison, read.field, now), negated };
}

function testOf(comparison: Comparison, field: Field, now: Instant): Test {
  const isDate = field.kind === "scalar" && field.type === "date";
  const value = <T extends Scalar>(literal: T): T | Instant => (isDate ? instantOf(literal) : literal);
  switch (comparison.operator) {
    case "EXISTS":
    case "NOT_EXISTS":
      return { kind: "exists" };
    case "==":
    case "!=":
      return { kind: "equal", value: value(comparison.right.value) };
    case "IN":
    case "NOT_IN":
      return { kind: "in", values: comparison.right.value.map(value) };
    case ">":
    case ">=":
    case "<":
    case "<=":
      return { kind: "order", operator: comparison.operator, bound: value(comparison.right.value) };
    case "BETWEEN": {
      const [low, high] = comparison.right.value;
      return { kind: "between", low: value(low), high: value(high) };
    }
    case "CONTAINS":
    case "NOT_CONTAINS":
      return { kind: "text", place: "anywhere", text: comparison.right.value };
    case "STARTS_WITH":
      return { kind: "text", place: "start", text: comparison.right.value };
    case "ENDS_WITH":
      return { kind: "text", place: "end", text: comparison.right.value };
    case "WITHIN_LAST":
    case "NOT_WITHIN_LAST": {
      const low = now - (parseDuration(comparison.right.value) ?? unchecked(comparison.right.value));
      return isDate ? { kind: "between", low, high: now } : { kind: "time", low, high: now };
    }
    default:
      return unreachable(comparison);
  }
}

function instantOf(literal: Scalar): Instant {
  return (typeof literal === "string" ? parseIsoTime(literal) : null) ?? unchecked(literal);
}

function unchecked(literal: Scalar): never {
  throw new Error(`A rule that was not checked: ${JSON.stringify(literal)} does not fit its field`);
}
