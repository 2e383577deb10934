/** Owns how a webhook and its deliveries are shown: never with the secret. */
import type { Delivery, Webhook } from "@mini-crm/core/webhook/webhook";
import type { DeliveryJson, WebhookJson } from "@mini-crm/wire/webhook";
import { iso, isoOrNull } from "./time.ts";

export function webhookJson({ secret, ...shown }: Webhook): WebhookJson {
  return {
    ...shown,
    failing_since: isoOrNull(shown.failing_since),
    created_at: iso(shown.created_at),
    updated_at: iso(shown.updated_at),
  };
}

export function deliveryJson(delivery: Delivery): DeliveryJson {
  return {
    ...delivery,
    due_at: isoOrNull(delivery.due_at),
    created_at: iso(delivery.created_at),
    attempts: delivery.attempts.map((attempt) => ({ ...attempt, at: iso(attempt.at) })),
  };
}
