/** Owns webhooks and their deliveries as they stand on the wire. */
import { type Static, Type } from "typebox";
import { ActivityKindJson } from "./activity.ts";
import { success } from "./envelope.ts";
import { Pagination } from "./pagination.ts";
import { TextOrNull, Time, TimeOrNull } from "./text.ts";

const Url = Type.String({
  description: "http:// or https://, without user name and password",
  examples: ["https://example.com/hook"],
});
const HEARD = { uniqueItems: true, minItems: 1, maxItems: 50, description: "What it hears of" };
const Kinds = Type.Array(ActivityKindJson, HEARD);

export const WebhookJson = Type.Object({
  _id: Type.String(),
  url: Url,
  kinds: Kinds,
  enabled: Type.Boolean(),
  off_reason: Type.Union([Type.String(), Type.Null()], { description: "Why it was turned off, where nobody did it by hand" }),
  failing_since: TimeOrNull,
  created_at: Time,
  updated_at: Time,
});
export type WebhookJson = Static<typeof WebhookJson>;

export const WebhookBody = Type.Object(
  {
    url: Type.String({ ...Url, maxLength: 10_000 }),
    kinds: Type.Optional(
      Type.Array(ActivityKindJson, {
        ...HEARD,
        errorMessage: { minItems: "must not be empty: leave `kinds` out for all but campaign.progress and channel.pairing" },
      }),
    ),
  },
  {
    additionalProperties: false,
    description: "Without `kinds` it hears of everything but campaign.progress and channel.pairing.",
  },
);
export const WebhookChangeBody = Type.Object(
  {
    url: Type.Optional(Type.String({ maxLength: 10_000 })),
    kinds: Type.Optional(
      Type.Array(ActivityKindJson, {
        ...HEARD,
        errorMessage: { minItems: "must not be empty: to hear of nothing, turn it off with `enabled`" },
      }),
    ),
    enabled: Type.Optional(Type.Boolean({ description: "Turned off, it hears of nothing new, and what is pending waits" })),
  },
  { additionalProperties: false },
);

export const WebhookAnswer = success(WebhookJson);
export const WebhookListAnswer = success(Type.Array(WebhookJson));
export const WebhookCreatedAnswer = success(
  Type.Object({
    ...WebhookJson.properties,
    secret: Type.String({ description: "What deliveries are signed with, as of standardwebhooks.com. It is never shown again." }),
  }),
);

const DeliveryJson = Type.Object({
  _id: Type.String({ description: "The header webhook-id: the same for every try" }),
  webhook_id: Type.String(),
  kind: Type.Union([ActivityKindJson, Type.Literal("webhook.test")]),
  status: Type.Enum(["PENDING", "DELIVERED", "FAILED"]),
  due_at: Type.Union([Time, Type.Null()], { description: "When it is tried next" }),
  created_at: Time,
  attempts: Type.Array(
    Type.Object({
      at: Time,
      duration_ms: Type.Integer(),
      status: Type.Union([Type.Integer(), Type.Null()], { description: "The HTTP status; null where no answer came" }),
      reason: Type.Union([Type.String(), Type.Null()], { description: "What went wrong" }),
      answer: TextOrNull,
    }),
    { description: "The last tries, oldest first" },
  ),
});
export type DeliveryJson = Static<typeof DeliveryJson>;

export const DeliveryDueAnswer = success(DeliveryJson);
export const DeliveryListAnswer = Type.Object({
  success: Type.Literal(true),
  data: Type.Array(DeliveryJson),
  pagination: Pagination,
});

export const DeliveryParams = Type.Object({ id: Type.String(), delivery_id: Type.String() });
