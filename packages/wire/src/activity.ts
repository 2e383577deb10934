/** Owns activities as they stand on the wire: the kinds there are, and the stream of them. */
import { type Static, Type } from "typebox";

export const ActivityKindJson = Type.Enum([
  "campaign.started",
  "campaign.scheduled",
  "campaign.unscheduled",
  "campaign.paused",
  "campaign.resumed",
  "campaign.cancelled",
  "campaign.completed",
  "campaign.held",
  "campaign.progress",
  "channel.state",
  "channel.pairing",
  "leads.imported",
  "lead.opted_out",
  "message.received",
]);
export type ActivityKindJson = Static<typeof ActivityKindJson>;

export const EventsQuery = Type.Object(
  {
    campaign_id: Type.Optional(Type.String({ maxLength: 200, description: "Only what happens to this campaign" })),
    kinds: Type.Optional(
      Type.String({
        maxLength: 1_000,
        description: "Only these kinds, separated by commas",
        examples: ["campaign.progress,channel.state"],
      }),
    ),
    last_event_id: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: "Go on behind this event; the header Last-Event-ID, which browsers send by themselves, wins",
      }),
    ),
  },
  { additionalProperties: false },
);

/** `data:` of every event is JSON: `at`, `subject` and what the kind tells. `id:` is its number, `event:` its kind. */
export const EventStream = {
  description: [
    "A stream of events as they happen. Each has the number of the event as `id`, its kind as `event`, and as `data` a JSON object",
    "with `at` (when), `subject` (the campaign, channel or lead) and what that kind tells. An event `reset` says that some were",
    "missed that are no longer kept: load again what you show.",
  ].join(" "),
  content: { "text/event-stream": { schema: Type.String() } },
};
