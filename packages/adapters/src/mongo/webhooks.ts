/** Owns the verbs on webhooks. */
import type { ActivityKind } from "@mini-crm/core/activity/activity";
import type { Instant } from "@mini-crm/core/instant";
import { MOST_WEBHOOKS, type Webhook } from "@mini-crm/core/webhook/webhook";
import { ACTIVITIES, lock } from "./locks.ts";
import type { Tables } from "./tables.ts";

export async function createWebhook(tables: Tables, webhook: Webhook): Promise<{ kind: "created" } | { kind: "full" }> {
  // Of two at once, one would not count the other.
  await lock(tables, ACTIVITIES);
  if ((await tables.webhook.count({})) >= MOST_WEBHOOKS) return { kind: "full" };
  await tables.webhook.insert([webhook]);
  return { kind: "created" };
}

export function readWebhook(tables: Tables, id: string): Promise<Webhook | null> {
  return tables.webhook.one({ _id: id });
}

export function listWebhooks(tables: Tables): Promise<Webhook[]> {
  return tables.webhook.find({}, { sort: { _id: 1 } });
}

export async function changeWebhook(
  tables: Tables,
  id: string,
  fields: { url?: string; kinds?: ActivityKind[]; enabled?: boolean },
  now: Instant,
): Promise<Webhook | null> {
  const known = await readWebhook(tables, id);
  if (known === null) return null;
  const { url, kinds, enabled }: Webhook = { ...known, ...fields };
  await tables.webhook.update({ _id: id }, { $set: { url, kinds, updated_at: now } });
  if (enabled && !known.enabled) await turnOn(tables, id, now);
  if (!enabled && known.enabled) await turnOff(tables, id, null, now);
  return readWebhook(tables, id);
}

export async function removeWebhook(tables: Tables, id: string): Promise<boolean> {
  // What somebody notes for it at the same moment would stay for ever.
  await lock(tables, ACTIVITIES);
  await tables.webhook_delivery.remove({ webhook_id: id });
  return (await tables.webhook.remove({ _id: id })) === 1;
}

async function turnOn(tables: Tables, id: string, now: Instant): Promise<void> {
  await lock(tables, ACTIVITIES);
  await tables.webhook.update({ _id: id }, { $set: { enabled: true, off_reason: null, failing_since: null, updated_at: now } });
  await tables.webhook_delivery.update({ webhook_id: id, status: "PENDING" }, { $set: { due_at: now } });
}

/** What is pending waits without a time until the webhook is turned on again. */
export async function turnOff(tables: Tables, id: string, reason: string | null, now: Instant): Promise<void> {
  // What somebody notes for it at the same moment would be due.
  await lock(tables, ACTIVITIES);
  await tables.webhook.update({ _id: id }, { $set: { enabled: false, off_reason: reason, updated_at: now } });
  await tables.webhook_delivery.update({ webhook_id: id, status: "PENDING" }, { $set: { due_at: null } });
}
