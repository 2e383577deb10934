/** Owns a campaign's pre-flight as it stands on the wire. */
import { type Static, Type } from "typebox";
import { success } from "./envelope.ts";
import { VariantName } from "./message.ts";
import { TextOrNull, Time, TimeOrNull } from "./text.ts";

const Place = Type.Enum([
  "no_phone",
  "invalid_number",
  "duplicate_number",
  "opted_out",
  "frequency_cap",
  "outside_window",
  "blank_variable",
  "render_failed",
]);

const Sample = Type.Object({
  lead_id: Type.String(),
  name: TextOrNull,
  phone: Type.String(),
  variant: VariantName,
  text: Type.Union([Type.String(), Type.Null()], { description: "What would be sent; null where nothing would" }),
  template: Type.Union([Type.String(), Type.Null()], {
    description: "The template that would be sent; null: the text itself is",
  }),
  blank: Type.Union([Type.String(), Type.Null()], { description: "The variable for which nothing is known" }),
  reason: Type.Union([Type.String(), Type.Null()], { description: "Why it cannot be put into words" }),
});

const Extreme = Type.Union([
  Type.Object({ lead_id: Type.String(), text: Type.String(), length: Type.Integer({ description: "In UTF-16 units" }) }),
  Type.Null(),
]);

const Waterfall = Type.Object({
  matched: Type.Integer({ description: "Leads in the segment" }),
  steps: Type.Array(Type.Object({ step: Place, removed: Type.Integer(), left: Type.Integer() }), {
    description: "Everybody who is not written to is removed once, for the reason that the ledger would give",
  }),
  final: Type.Integer({ description: "Messages that would be sent" }),
});

export const PreflightJson = Type.Object({
  preflight_token: Type.String({ description: "Run with it, and what was shown here is what happens" }),
  expires_at: Time,
  campaign_id: Type.String(),
  at: Time,
  waterfall: Waterfall,
  doubtful_numbers: Type.Object(
    { doubtful: Type.Integer(), looked_up: Type.Integer({ description: "How many numbers were looked up" }) },
    {
      description: "Well-formed numbers that no country has given out; they are tried all the same, so they are part of `final`",
    },
  ),
  blanks: Type.Array(Type.Object({ variable: Type.String(), leads: Type.Integer() }), {
    description: "For which variables nothing is known of how many leads",
  }),
  variants: Type.Array(Type.Object({ name: Type.String(), percent: Type.Number(), messages: Type.Integer() }), {
    description: "How many would be sent each text",
  }),
  by_template: Type.Integer({
    description: "How many of them would be sent the approved template, because they have not written in the last 24 hours",
  }),
  samples: Type.Array(Sample, { description: "Some of each text, then some that would not be sent because of their words" }),
  longest: Extreme,
  shortest: Extreme,
  quiet_hours: Type.Union(
    [
      Type.Object({
        waiting: Type.Integer({ description: "How many are in their quiet hours now, and wait for the end of those" }),
        until: TimeOrNull,
      }),
      Type.Null(),
    ],
    { description: "Null where the campaign has no quiet hours" },
  ),
  canary: Type.Union([Type.Object({ first: Type.Integer(), wait_minutes: Type.Integer() }), Type.Null()], {
    description: "How many go first; null without a canary",
  }),
  limit_per_minute: Type.Union([Type.Number(), Type.Null()], {
    description: "How many messages a minute the channel may send; null where it has no limit, or no workers run",
  }),
  recipients_per_day: Type.Union(
    [
      Type.Object({
        most: Type.Integer({ description: "How many different people the channel may write to in 24 hours" }),
        used: Type.Integer(),
        resets_at: TimeOrNull,
      }),
      Type.Null(),
    ],
    { description: "Meta's tier, or the warming up of a young number; null where there is no bound, or no workers run" },
  ),
  messages_ahead: Type.Integer({ description: "Messages of other campaigns that wait on the same channel" }),
  estimated_done_at: Type.Union([Time, Type.Null()], {
    description:
      "When the last message would go out at this rate; later quiet hours are not counted. Null where that is not known",
  }),
});
export type PreflightJson = Static<typeof PreflightJson>;

export const PreflightAnswer = success(PreflightJson);

const RunFields = Type.Object(
  {
    preflight_token: Type.Optional(
      Type.String({ maxLength: 100, description: "Start only where all is as the pre-flight showed" }),
    ),
  },
  { additionalProperties: false },
);
/** Neither needs a body; without one there is `null` to check. */
export const RunBody = Type.Union([RunFields, Type.Null()]);
export const PreflightBody = Type.Union([Type.Object({}, { additionalProperties: false }), Type.Null()]);
