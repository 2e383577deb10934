/** Owns campaigns as they stand on the wire. */
import { type Static, Type } from "typebox";
import { success } from "./envelope.ts";
import { MediaBody, MediaJson } from "./media.ts";
import { PageFields, Pagination } from "./pagination.ts";
import { Time, TimeOrNull, textUpTo } from "./text.ts";

export const CampaignStatusJson = Type.Enum(["DRAFT", "SCHEDULED", "RUNNING", "PAUSED", "COMPLETED", "CANCELLED", "FAILED"]);
export type CampaignStatusJson = Static<typeof CampaignStatusJson>;

/** The ledger: `audience = sent + failed + skipped + uncertain + cancelled + pending`, at every moment. */
export const CampaignStats = Type.Object({
  audience: Type.Integer({ description: "Everyone it goes to; of a DRAFT, how many its segment has now" }),
  sent: Type.Integer({ description: "Also those that were delivered and read since" }),
  failed: Type.Integer(),
  delivered: Type.Integer({ description: "Also those that were read since" }),
  read: Type.Integer(),
  skipped: Type.Integer({ description: "Not written to: opted out, no phone, ..." }),
  uncertain: Type.Integer({ description: "Left, and no answer came; never sent again by itself" }),
  cancelled: Type.Integer(),
  pending: Type.Integer(),
});
export type CampaignStats = Static<typeof CampaignStats>;

const name = textUpTo(200, "What people call it");
const segmentId = Type.String({ maxLength: 200, description: "Whom it goes to" });
const channelId = Type.String({ maxLength: 200, description: "The channel that it goes out over" });
/** Bounded here so that nothing huge is parsed; what a template may say is the template's own rule. */
const template = Type.String({
  maxLength: 100_000,
  description: "The text, with variables such as {{name}} or {{metadata.tier | default: 'dear customer'}}",
});

const ClockTime = Type.String({
  pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$",
  errorMessage: { pattern: "must be a time of day such as 21:00" },
  examples: ["21:00"],
});
const Percent = Type.Number({ minimum: 0, maximum: 100 });

const QuietHours = Type.Object(
  {
    from: ClockTime,
    to: ClockTime,
    timezone: Type.String({
      maxLength: 64,
      description: "For recipients whose own time zone is not known",
      examples: ["Europe/Berlin"],
    }),
  },
  { additionalProperties: false, description: "When nobody is written to, in the recipient's own time zone" },
);
const FrequencyCap = Type.Object(
  { messages: Type.Integer({ minimum: 1, maximum: 1_000 }), days: Type.Integer({ minimum: 1, maximum: 366 }) },
  { additionalProperties: false, description: "Who has had so many messages of all campaigns in so many days is skipped" },
);
const Canary = Type.Object(
  {
    percent: Type.Number({ exclusiveMinimum: 0, maximum: 50, description: "How many of the audience go first" }),
    wait_minutes: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_080, default: 30 })),
    max_failed_percent: Type.Optional(Type.Number({ ...Percent, default: 10 })),
    max_opted_out_percent: Type.Optional(Type.Number({ ...Percent, default: 2 })),
  },
  { additionalProperties: false, description: "Some go first; too many failures or stops among them pause the campaign" },
);
const Variant = Type.Object(
  {
    name: textUpTo(50, "What people call it"),
    percent: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 100 }),
    message_template: template,
  },
  { additionalProperties: false },
);
const Variants = Type.Array(Variant, { minItems: 2, maxItems: 10, description: "Texts to compare; the percents sum to 100" });

/** What WhatsApp shows of a button. */
const BUTTON_CHARS = 20;
const Buttons = Type.Array(textUpTo(BUTTON_CHARS, "What it says"), {
  maxItems: 3,
  description: "Buttons for a quick reply; linked devices (kind web) cannot send them",
});

const templateName = Type.String({
  minLength: 1,
  maxLength: 512,
  description: "As Meta knows it",
  examples: ["order_shipped"],
});
const language = Type.String({ minLength: 2, maxLength: 20, examples: ["en_US"] });
const ParameterJson = Type.Object({
  name: Type.Union([Type.String(), Type.Null()], { description: "Null where the template counts its parameters" }),
  value: Type.String(),
});
const ParameterBody = Type.Object(
  {
    name: Type.Optional(
      Type.Union([textUpTo(100, "The parameter's; leave it out where the template counts its parameters"), Type.Null()]),
    ),
    value: template,
  },
  { additionalProperties: false },
);
const TEMPLATE = {
  description: "The approved WhatsApp template for those who may be sent nothing else, over channels of the kind cloud",
};
const TemplateJson = Type.Object({ name: templateName, language, parameters: Type.Array(ParameterJson) }, TEMPLATE);
const TemplateBody = Type.Object(
  {
    name: templateName,
    language,
    parameters: Type.Optional(
      Type.Array(ParameterBody, { maxItems: 50, description: "What its body's parameters say, in their order" }),
    ),
  },
  { additionalProperties: false, ...TEMPLATE },
);

const Hold = Type.Object({
  code: Type.String(),
  reason: Type.String({ description: "What happened, and what to do" }),
  at: Time,
});

const Waiting = Type.Object({
  kind: Type.Enum([
    "person",
    "schedule",
    "workers",
    "audience",
    "receipts",
    "connection",
    "canary",
    "quiet_hours",
    "retry",
    "other_campaigns",
    "rate_limit",
    "recipients_per_day",
  ]),
  until: Type.Union([Time, Type.Null()], { description: "When that ends, where it is known" }),
  text: Type.String({ examples: ["Waits for the rate limit: 30 messages a minute, goes on at 16:15:30Z"] }),
});

export const CampaignJson = Type.Object({
  _id: Type.String(),
  name: Type.String(),
  segment_id: Type.String(),
  channel_id: Type.String(),
  message_template: Type.String(),
  variants: Type.Array(Variant),
  quiet_hours: Type.Union([QuietHours, Type.Null()]),
  frequency_cap: Type.Union([FrequencyCap, Type.Null()]),
  expires_at: TimeOrNull,
  canary: Type.Union([Canary, Type.Null()]),
  media: Type.Union([MediaJson, Type.Null()]),
  buttons: Type.Array(Type.String()),
  template: Type.Union([TemplateJson, Type.Null()]),
  canary_phase: Type.Union([Type.Enum(["sending", "passed", "overruled"]), Type.Null()]),
  created_by: Type.String(),
  status: CampaignStatusJson,
  scheduled_at: TimeOrNull,
  hold: Type.Union([Hold, Type.Null()], { description: "Why it waits for a person" }),
  stats: CampaignStats,
  waitingFor: Type.Union([Waiting, Type.Null()], { description: "Why nothing goes out right now; null where it does" }),
  rate_per_minute: Type.Integer({ description: "How many of its messages went out in the last minute" }),
  estimated_done_at: Type.Union([Time, Type.Null()], {
    description: "When its last message goes out if all goes on as now, receipts not counted; null where that cannot be said",
  }),
  created_at: Time,
  updated_at: Time,
  started_at: TimeOrNull,
  completed_at: TimeOrNull,
});
export type CampaignJson = Static<typeof CampaignJson>;

/** What may be left out; null takes it away again. */
const optional = {
  variants: Type.Optional(Type.Union([Variants, Type.Null()])),
  quiet_hours: Type.Optional(Type.Union([QuietHours, Type.Null()])),
  frequency_cap: Type.Optional(Type.Union([FrequencyCap, Type.Null()])),
  expires_at: Type.Optional(TimeOrNull),
  canary: Type.Optional(Type.Union([Canary, Type.Null()])),
  media: Type.Optional(Type.Union([MediaBody, Type.Null()])),
  buttons: Type.Optional(Type.Union([Buttons, Type.Null()])),
  template: Type.Optional(Type.Union([TemplateBody, Type.Null()])),
};

export const CampaignBody = Type.Object(
  {
    name,
    segment_id: segmentId,
    channel_id: Type.Optional(channelId),
    message_template: Type.Optional(template),
    ...optional,
    created_by: Type.Optional(textUpTo(100, "Whose it is; `admin` where nobody is named")),
  },
  { additionalProperties: false },
);
export const CampaignChangeBody = Type.Object(
  {
    name: Type.Optional(name),
    segment_id: Type.Optional(segmentId),
    channel_id: Type.Optional(channelId),
    message_template: Type.Optional(template),
    ...optional,
  },
  { additionalProperties: false },
);

export const CampaignScheduleBody = Type.Object(
  {
    at: Type.String({
      maxLength: 40,
      description: "When it starts: ISO 8601, or without an offset the time on clocks in `timezone`",
      examples: ["2026-12-24T09:00:00Z", "2026-12-24T09:00"],
    }),
    timezone: Type.Optional(
      Type.String({ maxLength: 64, description: "For an `at` without an offset", examples: ["Europe/Berlin"] }),
    ),
    grace_minutes: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 10_080,
        default: 60,
        description: "Where nothing was running at that time: how much later it may still start without asking",
      }),
    ),
  },
  { additionalProperties: false },
);

export const CampaignListQuery = Type.Object(
  { ...PageFields, status: Type.Optional(CampaignStatusJson) },
  { additionalProperties: false },
);

export const CampaignAnswer = success(CampaignJson);
export const CampaignListAnswer = Type.Object({
  success: Type.Literal(true),
  data: Type.Array(CampaignJson),
  pagination: Pagination,
});

export const CampaignRunAnswer = Type.Object({
  success: Type.Literal(true),
  message: Type.String(),
  data: Type.Object({
    campaignId: Type.String(),
    totalLeads: Type.Integer(),
    jobPublished: Type.Boolean(),
  }),
});
export type CampaignBody = Static<typeof CampaignBody>;
export type CampaignChangeBody = Static<typeof CampaignChangeBody>;
