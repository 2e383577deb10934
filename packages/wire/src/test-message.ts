/** Owns test messages as they stand on the wire. */
import { type Static, Type } from "typebox";
import { DIRECT_FIELDS } from "./direct-message.ts";
import { success } from "./envelope.ts";
import { VariantName } from "./message.ts";
import { Pagination } from "./pagination.ts";

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
  ...DIRECT_FIELDS,
  test: Type.Literal(true, { description: "It is in no figure of its campaign" }),
  campaign_id: Type.String(),
  variant: VariantName,
});
export type TestMessageJson = Static<typeof TestMessageJson>;

export const TestAnswer = success(Type.Object({ tests: Type.Array(TestMessageJson) }));
export const TestListAnswer = success(Type.Object({ tests: Type.Array(TestMessageJson), pagination: Pagination }));
