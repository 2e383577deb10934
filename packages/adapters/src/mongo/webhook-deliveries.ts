/** Owns the verbs on deliveries to webhooks: claiming those that are due, and writing down what came of each try. */
import type { Instant } from "@mini-crm/core/instant";
import type { Page, PageRequest } from "@mini-crm/core/ports/store";
import type { ClaimedDelivery, MadeDue, WebhookStore } from "@mini-crm/core/ports/webhook-store";
import {
  afterAttempt,
  type Delivery,
  type DeliveryStatus,
  KEPT_DELIVERIES,
  newDelivery,
  testNews,
} from "@mini-crm/core/webhook/webhook";
import type { WebhookDeliveryDocument } from "./documents.ts";
import { ACTIVITIES, lock } from "./locks.ts";
import type { Tables } from "./tables.ts";
import { readWebhook, turnOff } from "./webhooks.ts";

type ClaimRequest = Parameters<WebhookStore["claim"]>[0];
type RecordRequest = Parameters<WebhookStore["record"]>[0];

export async function testWebhook(tables: Tables, id: string, deliveryId: string, now: Instant): Promise<MadeDue> {
  // Otherwise the webhook could be removed or turned off at the same moment.
  await lock(tables, ACTIVITIES);
  const webhook = await readWebhook(tables, id);
  if (webhook === null) return { kind: "not_found" };
  if (!webhook.enabled) return { kind: "off" };
  const delivery = newDelivery(id, deliveryId, testNews(id, now));
  await tables.webhook_delivery.insert([delivery]);
  return { kind: "due", delivery: deliveryOf(delivery) };
}

/**
 * The time when a claimed delivery would be due again is its lease. Of two processes that read the same one as due, the one that
 * comes second begins anew.
 */
export async function claimDeliveries(
  tables: Tables,
  { busy, perWebhook, leaseMs, now }: ClaimRequest,
): Promise<ClaimedDelivery[]> {
  const claimed: ClaimedDelivery[] = [];
  for (const { _id: webhook_id, url, secret } of await tables.webhook.find({ enabled: true, _id: { $nin: [...busy] } })) {
    const due = await tables.webhook_delivery.find(
      { webhook_id, due_at: { $gt: 0, $lte: now } },
      { sort: { due_at: 1 }, limit: perWebhook, projection: { body: 1, attempt: 1 } },
    );
    for (const { _id, body, attempt } of due) claimed.push({ _id, webhook_id, url, secret, body, attempt: attempt + 1 });
  }
  if (claimed.length === 0) return [];
  const ids = claimed.map(({ _id }) => _id);
  await tables.webhook_delivery.update({ _id: { $in: ids } }, { $inc: { attempt: 1 }, $set: { due_at: now + leaseMs } });
  return claimed;
}

export async function recordAttempt(
  tables: Tables,
  request: RecordRequest,
): Promise<{ status: DeliveryStatus; turnedOff: string | null } | null> {
  const known = await tables.webhook_delivery.one({ _id: request.delivery_id });
  if (known === null || known.attempt !== request.attempt || known.status !== "PENDING") return null;
  const webhook = await readWebhook(tables, known.webhook_id);
  if (webhook === null) return null;
  const { delivery, failing_since, turnOff: reason } = afterAttempt(known, webhook, request);
  await tables.webhook_delivery.update({ _id: known._id }, { $set: delivery });
  await tables.webhook.update({ _id: webhook._id }, { $set: { failing_since } });
  if (reason !== null) await turnOff(tables, webhook._id, reason, request.now);
  return { status: delivery.status, turnedOff: reason };
}

const NEWEST_FIRST = { created_at: -1, _id: -1 } as const;

export async function listDeliveries(tables: Tables, webhookId: string, { page, limit }: PageRequest): Promise<Page<Delivery>> {
  const filter = { webhook_id: webhookId };
  const items = await tables.webhook_delivery.find(filter, { sort: NEWEST_FIRST, skip: (page - 1) * limit, limit });
  return { items: items.map(deliveryOf), total: await tables.webhook_delivery.count(filter) };
}

export async function retryDelivery(tables: Tables, webhookId: string, deliveryId: string, now: Instant): Promise<MadeDue> {
  const webhook = await readWebhook(tables, webhookId);
  if (webhook === null) return { kind: "not_found" };
  if (!webhook.enabled) return { kind: "off" };
  const known = await tables.webhook_delivery.one({ _id: deliveryId });
  if (known?.webhook_id !== webhookId) return { kind: "not_found" };
  await tables.webhook_delivery.update({ _id: deliveryId }, { $set: { status: "PENDING", due_at: now } });
  return { kind: "due", delivery: deliveryOf({ ...known, status: "PENDING", due_at: now }) };
}

export async function sweepDeliveries(tables: Tables, before: Instant): Promise<number> {
  let swept = 0;
  for (const { _id: webhook_id } of await tables.webhook.find({}, { projection: { _id: 1 } })) {
    swept += await tables.webhook_delivery.remove({ webhook_id, created_at: { $lt: before } });
    const [newestTooMany] = await tables.webhook_delivery.find(
      { webhook_id },
      { sort: NEWEST_FIRST, skip: KEPT_DELIVERIES, limit: 1, projection: { created_at: 1 } },
    );
    if (newestTooMany === undefined) continue;
    const { _id, created_at } = newestTooMany;
    swept += await tables.webhook_delivery.remove({ webhook_id, created_at: { $lt: created_at } });
    swept += await tables.webhook_delivery.remove({ webhook_id, created_at, _id: { $lte: _id } });
  }
  return swept;
}

function deliveryOf({ _id, webhook_id, kind, status, due_at, created_at, attempts }: WebhookDeliveryDocument): Delivery {
  return { _id, webhook_id, kind, status, due_at, created_at, attempts };
}
