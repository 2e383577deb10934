/** Owns a lead's timeline as it stands on the wire: all that went to it and came from it, over every channel. */
import { type Static, Type } from "typebox";
import { success } from "./envelope.ts";
import { MediaJson } from "./media.ts";
import { MessageStatusJson } from "./message.ts";
import { TextOrNull, Time, TimeOrNull } from "./text.ts";

export const TimelineQuery = Type.Object(
  { limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50, description: "At most so many, the newest" })) },
  { additionalProperties: false },
);

const TimelineEntry = Type.Object({
  kind: Type.Enum(["campaign", "reply", "inbound"], {
    description: "A campaign's message or somebody's reply to the lead, or a text that came from it",
  }),
  _id: Type.String(),
  channel_id: Type.String(),
  phone: Type.Union([Type.String(), Type.Null()], { description: "The lead's number" }),
  at: Type.Union([Time], { description: "When it was sent, else when it was written down; of a text, when it was written" }),
  text: Type.Union([Type.String(), Type.Null()], { description: "Null before it has gone out" }),
  media: Type.Union([MediaJson, Type.Null()]),
  status: Type.Union([MessageStatusJson, Type.Literal("RECEIVED")]),
  code: TextOrNull,
  reason: Type.Union([Type.String(), Type.Null()], { description: "Why it was not sent, failed or waits" }),
  campaign_id: Type.Union([Type.String(), Type.Null()], { description: "Its campaign, or the one that a text answers" }),
  wish: Type.Union([Type.Enum(["stop", "start"]), Type.Null()], { description: "What a text asks for, and nothing besides" }),
  created_at: Time,
  sent_at: TimeOrNull,
  delivered_at: TimeOrNull,
  read_at: TimeOrNull,
});
export type TimelineEntry = Static<typeof TimelineEntry>;

export const TimelineAnswer = success(
  Type.Object({
    entries: Type.Array(TimelineEntry, { description: "Newest first" }),
    windows: Type.Array(
      Type.Object({
        channel_id: Type.String(),
        open_until: Type.Union([Time, Type.Null()], { description: "Null: it is closed" }),
      }),
      { description: "For each channel where free text may be sent only for 24 hours after the lead's last message" },
    ),
  }),
);
