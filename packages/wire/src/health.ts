/** Owns what the backend says of its health. */
import { type Static, Type } from "typebox";
import { Time } from "./text.ts";

const Connection = Type.Enum(["connected", "disconnected"]);

export const HealthAnswer = Type.Object({
  status: Type.Enum(["ok", "degraded"]),
  timestamp: Time,
  services: Type.Object({
    database: Connection,
    kafka: Type.Enum(["connected", "disconnected"], { description: "The event bus, whichever engine plays it" }),
    jobExpander: Type.Enum(["running", "stopped"], { description: "Whether a worker has shown a sign of life lately" }),
  }),
  webhooks: Type.Object({
    waiting: Type.Union([Type.Integer(), Type.Null()], {
      description: "How many webhooks of Meta were taken and wait to be worked through; null where their file cannot be read",
    }),
  }),
  engines: Type.Object({
    database: Type.String({ description: "Which engine plays the database", examples: ["sqlite"] }),
    eventBus: Type.String({ description: "Which engine plays the event bus", examples: ["embedded"] }),
  }),
});
export type HealthAnswer = Static<typeof HealthAnswer>;
