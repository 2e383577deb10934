/** Owns the rule language's syntax tree: what a segment's `rule_ast` may say. Its meaning is in `evaluate.ts`. */
import type { JsonValue } from "../json.ts";

export const COMPARISON_OPERATORS = [
  ">",
  ">=",
  "<",
  "<=",
  "==",
  "!=",
  "IN",
  "NOT_IN",
  "BETWEEN",
  "CONTAINS",
  "NOT_CONTAINS",
  "STARTS_WITH",
  "ENDS_WITH",
  "EXISTS",
  "NOT_EXISTS",
  "WITHIN_LAST",
  "NOT_WITHIN_LAST",
] as const;
export type ComparisonOperator = (typeof COMPARISON_OPERATORS)[number];

/** `{type:'comparison', operator, left: field, right: literal}`; `right` is absent for `EXISTS` and `NOT_EXISTS`. */
export interface Comparison {
  type: "comparison";
  operator: ComparisonOperator;
  left: { type: "field"; value: string };
  right?: { type: "literal"; value: JsonValue };
}

/** `{op:'AND'|'OR'|'NOT', children}`; `NOT` has exactly one child. */
export interface Combination {
  op: "AND" | "OR" | "NOT";
  children: Rule[];
}

export type Rule = Comparison | Combination;
