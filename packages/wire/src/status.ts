/** Owns what the backend says of itself. */
import { type Static, Type } from "typebox";
import { Time } from "./text.ts";

export const StatusAnswer = Type.Object({
  service: Type.String(),
  version: Type.String(),
  status: Type.Literal("running"),
  timestamp: Time,
  features: Type.Object({
    leads: Type.String(),
    segments: Type.String(),
    campaigns: Type.String(),
    delivery: Type.String(),
    auth: Type.String({ description: "A stub while no API key is configured" }),
  }),
});
export type StatusAnswer = Static<typeof StatusAnswer>;
