/** Owns the comparison of a campaign's texts as it stands on the wire. */
import { Type } from "typebox";
import { success } from "./envelope.ts";

const estimate = {
  value: Type.Number(),
  low: Type.Number({ description: "With `high`, where the truth lies in 95 of 100 cases" }),
  high: Type.Number(),
};
const Share = Type.Object(estimate);
const Difference = Type.Object({ ...estimate, verdict: Type.String({ description: "What may be said, in words" }) });

const ComparedVariant = Type.Object({
  name: Type.String(),
  percent: Type.Number(),
  figures: Type.Object({
    messages: Type.Integer({ description: "Tried: sent, failed, or nobody knows" }),
    delivered: Type.Integer({ description: "Also those that were read since" }),
    read: Type.Integer(),
    replied: Type.Integer(),
    opted_out: Type.Integer({ description: "Answered with a stop" }),
    failed: Type.Integer(),
  }),
  shares: Type.Union(
    [Type.Object({ delivered: Share, read: Share, replied: Share, opted_out: Share, failed: Share }), Type.Null()],
    { description: "Of the messages, from 0 to 1, with Wilson's interval; null while there are none" },
  ),
  differences: Type.Union(
    [
      Type.Object({ delivered: Difference, read: Difference, replied: Difference, opted_out: Difference, failed: Difference }),
      Type.Null(),
    ],
    { description: "Against the first text, with Newcombe's interval; null for that one, and while there is nothing to compare" },
  ),
});

export const VariantsAnswer = success(Type.Object({ campaign_id: Type.String(), variants: Type.Array(ComparedVariant) }));
