/** Owns test messages as they stand on the wire. */
import { type Static, Type } from "typebox";
import { success } from "./envelope.ts";
import { VariantName } from "./message.ts";
import { Pagination } from "./pagination.ts";
import { TextOrNull, Time, TimeOrNull } from "./text.ts";

export const TestBody = Type.Object(
  {
    to: Type.Optional(
      Type.Array(Type.String({ maxLength: 60 }), {
        minItems: 1,
        maxItems: 10,
        description: "Numbers with their country codes; left out, it goes to the lead of `lead_id`",
      }),
    ),
    lead_id: Type.Optional(
      Type.String({ maxLength: 200, description: "Whose data the text shows; else the segment's first lead" }),
    ),
    variant: Type.Optional(
      Type.String({ maxLength: 50, description: "The name of the text to send; else the one that the lead would be sent" }),
    ),
  },
  { additionalProperties: false },
);

export const TestMessageJson = Type.Object({
  _id: Type.String(),
  test: Type.Literal(true, { description: "It is in no figure of its campaign" }),
  campaign_id: Type.String(),
  channel_id: Type.String(),
  lead_id: Type.String({ description: "Whose data the text shows" }),
  phone: Type.String(),
  variant: VariantName,
  text: Type.String({ description: "Just what a recipient would be sent" }),
  status: Type.Enum(["PENDING", "SENDING", "SKIPPED", "UNCERTAIN", "SENT", "FAILED", "DELIVERED", "READ"]),
  code: TextOrNull,
  reason: TextOrNull,
  provider_id: TextOrNull,
  created_at: Time,
  sending_at: TimeOrNull,
  sent_at: TimeOrNull,
  delivered_at: TimeOrNull,
  read_at: TimeOrNull,
});
export type TestMessageJson = Static<typeof TestMessageJson>;

export const TestAnswer = success(Type.Object({ tests: Type.Array(TestMessageJson) }));
export const TestListAnswer = success(Type.Object({ tests: Type.Array(TestMessageJson), pagination: Pagination }));
