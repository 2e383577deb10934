/** Owns messages as they stand on the wire. */
import { type Static, Type } from "typebox";
import { success } from "./envelope.ts";
import { TextOrNull, Time, TimeOrNull } from "./text.ts";

export const MessageStatusJson = Type.Enum([
  "PENDING",
  "CLAIMED",
  "SENDING",
  "SKIPPED",
  "CANCELLED",
  "UNCERTAIN",
  "SENT",
  "FAILED",
  "DELIVERED",
  "READ",
]);
export type MessageStatusJson = Static<typeof MessageStatusJson>;

export const VariantName = Type.String({ description: "The name of the campaign's text that it has; A where there is one text" });

export const MessageJson = Type.Object({
  _id: Type.String(),
  campaign_id: Type.String(),
  lead_id: Type.String(),
  status: MessageStatusJson,
  attempt: Type.Integer({ description: "How many times it has been taken up for sending" }),
  phone: TextOrNull,
  variant: VariantName,
  due_at: Type.Union([Time, Type.Null()], { description: "PENDING: not before this moment, for the reason given" }),
  text: Type.Union([Type.String(), Type.Null()], { description: "What was sent; null before that" }),
  code: TextOrNull,
  reason: Type.Union([Type.String(), Type.Null()], { description: "Why it is FAILED, SKIPPED or UNCERTAIN, or waits" }),
  retryable: Type.Union([Type.Boolean(), Type.Null()]),
  provider_id: TextOrNull,
  created_at: Time,
  sending_at: TimeOrNull,
  sent_at: TimeOrNull,
  delivered_at: TimeOrNull,
  read_at: TimeOrNull,
  settled_at: Type.Union([Time, Type.Null()], { description: "When it became FAILED, SKIPPED, CANCELLED or UNCERTAIN" }),
  replied_at: Type.Union([Time, Type.Null()], { description: "When the recipient first answered" }),
  opted_out_at: Type.Union([Time, Type.Null()], { description: "When the recipient first answered with a STOP" }),
});
export type MessageJson = Static<typeof MessageJson>;

const MessageEventJson = Type.Object({
  at: Time,
  status: Type.Union([MessageStatusJson, Type.Literal("RETRIED")], { description: "RETRIED: a person had it tried again" }),
  attempt: Type.Integer(),
  code: TextOrNull,
  reason: TextOrNull,
  provider_id: TextOrNull,
});
export type MessageEventJson = Static<typeof MessageEventJson>;

export const MessageAnswer = success(
  Type.Object({
    ...MessageJson.properties,
    history: Type.Array(MessageEventJson, { description: "What happened to it, in that order" }),
  }),
);
