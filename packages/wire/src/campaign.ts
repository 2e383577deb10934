/** Owns campaigns as they stand on the wire. */
import { type Static, Type } from "typebox";
import { success } from "./envelope.ts";
import { PageFields, Pagination } from "./pagination.ts";
import { Time, TimeOrNull, textUpTo } from "./text.ts";

const CampaignStatusJson = Type.Enum(["DRAFT", "SCHEDULED", "RUNNING", "PAUSED", "COMPLETED", "CANCELLED", "FAILED"]);
export type CampaignStatusJson = Static<typeof CampaignStatusJson>;

/** The ledger: `audience = sent + failed + skipped + uncertain + cancelled + pending`, at every moment. */
const CampaignStats = Type.Object({
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

export const CampaignJson = Type.Object({
  _id: Type.String(),
  name: Type.String(),
  segment_id: Type.String(),
  channel_id: Type.String(),
  message_template: Type.String(),
  created_by: Type.String(),
  status: CampaignStatusJson,
  stats: CampaignStats,
  created_at: Time,
  updated_at: Time,
  started_at: TimeOrNull,
  completed_at: TimeOrNull,
});
export type CampaignJson = Static<typeof CampaignJson>;

const name = textUpTo(200, "What people call it");
const segmentId = Type.String({ maxLength: 200, description: "Whom it goes to" });
/** Bounded here so that nothing huge is parsed; what a template may say is the template's own rule. */
const template = Type.String({
  maxLength: 100_000,
  description: "The text, with variables such as {{name}} or {{metadata.tier | default: 'dear customer'}}",
});

export const CampaignBody = Type.Object(
  {
    name,
    segment_id: segmentId,
    message_template: template,
    created_by: Type.Optional(textUpTo(100, "Whose it is; `admin` where nobody is named")),
  },
  { additionalProperties: false },
);
export const CampaignChangeBody = Type.Object(
  { name: Type.Optional(name), segment_id: Type.Optional(segmentId), message_template: Type.Optional(template) },
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
