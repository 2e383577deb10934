/** Owns a campaign's ledger as it stands on the wire: the equation, every place by status and reason, and the check of it. */
import { Type } from "typebox";
import { CampaignStats, CampaignStatusJson } from "./campaign.ts";
import { success } from "./envelope.ts";
import { MessageStatusJson, VariantName } from "./message.ts";
import { TextOrNull } from "./text.ts";

export const LedgerQuery = Type.Object(
  {
    check: Type.Optional(
      Type.Literal("rows", { description: "Counts every row as well, and answers where the counters differ from them" }),
    ),
  },
  { additionalProperties: false },
);

const Place = Type.Object({
  status: MessageStatusJson,
  code: TextOrNull,
  reason: Type.Union([Type.String(), Type.Null()], { description: "What the code means; null where only each message says it" }),
  messages: Type.Integer(),
  retryable: Type.Integer({ description: "How many of them a person may have tried again now" }),
});

const Difference = Type.Object({
  status: MessageStatusJson,
  code: TextOrNull,
  variant: VariantName,
  window: Type.String({ description: "The part of the audience behind the lead with this identifier" }),
  counter: Type.Integer(),
  rows: Type.Integer(),
});

const Check = Type.Object({
  counters_equal_rows: Type.Boolean(),
  rows: Type.Integer({ description: "How many were counted" }),
  differences: Type.Array(Difference),
});

export const LedgerAnswer = success(
  Type.Object({
    campaign_id: Type.String(),
    status: CampaignStatusJson,
    stats: CampaignStats,
    closes: Type.Boolean({
      description: "Whether audience = sent + failed + skipped + uncertain + cancelled + pending: anything but true is a bug",
    }),
    counts: Type.Array(Place, { description: "How many stand where now, by status and reason" }),
    retry_refusal: Type.Union([Type.String(), Type.Null()], { description: "Why nothing of it can be tried again" }),
    check: Type.Optional(Check),
  }),
);
