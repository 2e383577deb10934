/** Owns how messages are tried again by hand, as it stands on the wire. */
import { type Static, Type } from "typebox";
import { success } from "./envelope.ts";
import { TextOrNull } from "./text.ts";

export const RetryBody = Type.Object(
  {
    status: Type.Enum(["FAILED", "UNCERTAIN", "SKIPPED"], { description: "UNCERTAIN ones may have arrived, and come twice" }),
    code: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: "Only with this reason, such as 131026" })),
    lead_ids: Type.Optional(
      Type.Array(Type.String({ maxLength: 100 }), { minItems: 1, maxItems: 10_000, description: "Only to these leads" }),
    ),
    dry_run: Type.Optional(Type.Boolean({ default: false, description: "Only counts" })),
    expect: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: "The count that was shown before; where it is not true any more, nothing is changed",
      }),
    ),
  },
  { additionalProperties: false },
);
export type RetryBody = Static<typeof RetryBody>;

const Reason = Type.Object({ code: TextOrNull, reason: TextOrNull, messages: Type.Integer() });

const RetryJson = Type.Object({
  campaign_id: Type.String(),
  dry_run: Type.Boolean(),
  count: Type.Integer({ description: "How many are tried again, or would be" }),
  by_code: Type.Array(Reason),
  warning: Type.Union([Type.String(), Type.Null()], {
    description: "What to think of before, and what of the choice is not tried again",
  }),
});
export type RetryJson = Static<typeof RetryJson>;

export const RetryAnswer = success(RetryJson);
