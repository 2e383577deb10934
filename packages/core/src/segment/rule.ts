/** Owns the rule language's syntax tree: what a segment's `rule_ast` may say. Its meaning is in `evaluate.ts`. */

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

export type OrderOperator = ">" | ">=" | "<" | "<=";

/** What a literal may be, alone or in a list. */
export type Scalar = string | number | boolean | null;

interface Named<Operator extends ComparisonOperator> {
  type: "comparison";
  operator: Operator;
  left: { type: "field"; value: string };
}
interface Against<Operator extends ComparisonOperator, Value> extends Named<Operator> {
  right: { type: "literal"; value: Value };
}

/** `{type:'comparison', operator, left: field, right: literal}`; what the literal is depends on the operator. */
export type Comparison =
  | Named<"EXISTS" | "NOT_EXISTS">
  | Against<"==" | "!=", Scalar>
  | Against<"IN" | "NOT_IN", Scalar[]>
  | Against<OrderOperator, string | number>
  | Against<"BETWEEN", [string, string] | [number, number]>
  | Against<"CONTAINS" | "NOT_CONTAINS" | "STARTS_WITH" | "ENDS_WITH", string>
  | Against<"WITHIN_LAST" | "NOT_WITHIN_LAST", string>;

export type Combination = { op: "AND" | "OR"; children: Rule[] } | { op: "NOT"; children: [Rule] };

/** Comes from `parseRule` only, which also bounds its depth and its size. */
export type Rule = Comparison | Combination;
