/** Owns inbound texts as they stand on the wire. */
import { type Static, Type } from "typebox";
import { Time } from "./text.ts";

export const InboundJson = Type.Object({
  _id: Type.String({ description: "The provider's identifier" }),
  channel_id: Type.String(),
  phone: Type.String({ description: "The sender's number, in E.164" }),
  name: Type.Union([Type.String(), Type.Null()], { description: "What the sender calls themself" }),
  lead_id: Type.Union([Type.String(), Type.Null()], { description: "The oldest lead that had the number when the text came" }),
  text: Type.String(),
  wish: Type.Union([Type.Enum(["stop", "start"]), Type.Null()], { description: "What the text asks for, and nothing besides" }),
  campaign_id: Type.Union([Type.String(), Type.Null()], { description: "The campaign that it answers" }),
  at: Time,
  received_at: Time,
});
export type InboundJson = Static<typeof InboundJson>;
