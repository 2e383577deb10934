/** Owns messages to one person as they stand on the wire: what tests and replies have in common, and replies. */
import { type Static, Type } from "typebox";
import { success } from "./envelope.ts";
import { MediaBody, MediaJson } from "./media.ts";
import { TextOrNull, Time, TimeOrNull, textUpTo } from "./text.ts";

export const DIRECT_FIELDS = {
  _id: Type.String(),
  channel_id: Type.String(),
  lead_id: Type.String({ description: "Whose data the text shows, or who is answered" }),
  phone: Type.String(),
  text: Type.String({ description: "Just what a recipient is sent" }),
  status: Type.Enum(["PENDING", "SENDING", "SKIPPED", "UNCERTAIN", "SENT", "FAILED", "DELIVERED", "READ"]),
  code: TextOrNull,
  reason: TextOrNull,
  provider_id: TextOrNull,
  created_at: Time,
  sending_at: TimeOrNull,
  sent_at: TimeOrNull,
  delivered_at: TimeOrNull,
  read_at: TimeOrNull,
};

/** WhatsApp's limit for a text. */
const REPLY_CHARS = 4_096;

export const ReplyBody = Type.Object(
  {
    text: textUpTo(REPLY_CHARS, "What it says, just as it is: nothing is filled in"),
    channel_id: Type.Optional(
      Type.String({ maxLength: 200, description: "Else the channel that the lead last wrote to, else the default one" }),
    ),
    media: Type.Optional(Type.Union([MediaBody, Type.Null()])),
  },
  { additionalProperties: false },
);

export const ReplyJson = Type.Object({ ...DIRECT_FIELDS, media: Type.Union([MediaJson, Type.Null()]) });
export type ReplyJson = Static<typeof ReplyJson>;
export const ReplyAnswer = success(ReplyJson);
