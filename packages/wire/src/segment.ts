/** Owns segments and their rules as they stand on the wire. */
import { type Static, Type } from "typebox";
import { success } from "./envelope.ts";
import { LeadJson } from "./lead.ts";
import { Pagination } from "./pagination.ts";
import { Time, textUpTo } from "./text.ts";

export const RULE_OPERATORS = [
  ...[">", ">=", "<", "<=", "==", "!=", "IN", "NOT_IN", "BETWEEN", "CONTAINS", "NOT_CONTAINS", "STARTS_WITH", "ENDS_WITH"],
  ...["EXISTS", "NOT_EXISTS", "WITHIN_LAST", "NOT_WITHIN_LAST"],
] as const;

/** The rule language's syntax tree. */
export type RuleAst = ComparisonAst | CombinationAst;
export interface ComparisonAst {
  type: "comparison";
  operator: (typeof RULE_OPERATORS)[number];
  left: { type: "field"; value: string };
  right?: { type: "literal"; value: unknown };
}
export interface CombinationAst {
  op: "AND" | "OR" | "NOT";
  children: RuleAst[];
}

const rule = {
  type: "object",
  description: [
    "Who belongs to the segment. Either a comparison of a lead's field with a literal, or AND, OR, NOT over `children`.",
    `Operators: ${RULE_OPERATORS.join(" ")}.`,
    "Fields: a lead's own, and metadata.<path>.",
  ].join(" "),
  examples: [
    {
      op: "AND",
      children: [
        {
          type: "comparison",
          operator: ">",
          left: { type: "field", value: "total_spend" },
          right: { type: "literal", value: 1000 },
        },
        {
          type: "comparison",
          operator: "WITHIN_LAST",
          left: { type: "field", value: "last_order_at" },
          right: { type: "literal", value: "30d" },
        },
      ],
    },
  ],
};
/** A rule that came in: the domain parses it, with a word on whatever is wrong with it. */
const RuleInput = Type.Unsafe<unknown>(rule);
const RuleJson = Type.Unsafe<RuleAst>(rule);

const name = textUpTo(200, "What people call it");
const owner = textUpTo(100, "Whose it is; `admin` where nobody is named");

export const SegmentJson = Type.Object({
  _id: Type.String(),
  name: Type.String(),
  owner_user_id: Type.String(),
  rule_ast: RuleJson,
  created_at: Time,
  updated_at: Time,
});
export type SegmentJson = Static<typeof SegmentJson>;

export const SegmentBody = Type.Object(
  { name, owner_user_id: Type.Optional(owner), rule_ast: RuleInput },
  { additionalProperties: false },
);
export const SegmentChangeBody = Type.Object(
  { name: Type.Optional(name), owner_user_id: Type.Optional(owner), rule_ast: Type.Optional(RuleInput) },
  { additionalProperties: false },
);

export const PreviewBody = Type.Object(
  {
    rule_ast: RuleInput,
    limit: Type.Optional(Type.Integer({ minimum: 0, maximum: 100, default: 10, description: "How many leads to show" })),
  },
  { additionalProperties: false },
);
export const PreviewQuery = Type.Object(
  { explain: Type.Optional(Type.Boolean({ default: false, description: "Also tell how the database finds them" })) },
  { additionalProperties: false },
);

export const SegmentAnswer = success(SegmentJson);
export const SegmentListAnswer = Type.Object({
  success: Type.Literal(true),
  data: Type.Array(SegmentJson),
  pagination: Pagination,
});

export const PreviewAnswer = success(
  Type.Object({
    count: Type.Integer({ description: "How many leads match" }),
    sample: Type.Array(LeadJson, { description: "The first of them, oldest first" }),
    explain: Type.Optional(
      Type.Object({
        mongodb: Type.Unknown({ description: "The rule as a MongoDB query" }),
        engine: Type.String({ description: "The engine in use" }),
        query: Type.String({ description: "What that engine was asked" }),
        plan: Type.Array(Type.String(), { description: "How that engine carries it out" }),
      }),
    ),
  }),
);
