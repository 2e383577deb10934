/** Owns the verbs on webhooks. */
import type { ActivityKind } from "@mini-crm/core/activity/activity";
import type { Instant } from "@mini-crm/core/instant";
import { MOST_WEBHOOKS, type Webhook } from "@mini-crm/core/webhook/webhook";
import { type Connection, number, numberOrNull, type Row, text, textOrNull } from "./connection.ts";

export function readWebhook(connection: Connection, id: string): Webhook | null {
  const row = connection.get("SELECT * FROM webhook WHERE _id = ?", id);
  return row === undefined ? null : webhookOf(row);
}

export function webhookVerbs(connection: Connection) {
  return {
    createWebhook: (webhook: Webhook): { kind: "created" } | { kind: "full" } =>
      connection.transaction(() => {
        if (Number(connection.get("SELECT count(*) AS n FROM webhook")?.["n"]) >= MOST_WEBHOOKS) return { kind: "full" };
        connection.run(
          `INSERT INTO webhook (_id, url, secret, kinds, enabled, off_reason, failing_since, created_at, updated_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          webhook._id,
          webhook.url,
          webhook.secret,
          JSON.stringify(webhook.kinds),
          webhook.enabled ? 1 : 0,
          webhook.off_reason,
          webhook.failing_since,
          webhook.created_at,
          webhook.updated_at,
        );
        return { kind: "created" };
      }),

    readWebhook: (id: string): Webhook | null => readWebhook(connection, id),

    listWebhooks: (): Webhook[] => connection.all("SELECT * FROM webhook ORDER BY _id").map(webhookOf),

    changeWebhook: (
      id: string,
      fields: { url?: string; kinds?: ActivityKind[]; enabled?: boolean },
      now: Instant,
    ): Webhook | null =>
      connection.transaction(() => {
        const known = readWebhook(connection, id);
        if (known === null) return null;
        const changed: Webhook = { ...known, ...fields, updated_at: now };
        const isTurned = changed.enabled !== known.enabled;
        connection.run(
          "UPDATE webhook SET url = ?, kinds = ?, updated_at = ? WHERE _id = ?",
          changed.url,
          JSON.stringify(changed.kinds),
          now,
          id,
        );
        if (isTurned && changed.enabled) turnOn(connection, id, now);
        if (isTurned && !changed.enabled) turnOff(connection, id, null, now);
        return readWebhook(connection, id);
      }),

    removeWebhook: (id: string): boolean =>
      connection.transaction(() => {
        connection.run("DELETE FROM webhook_delivery WHERE webhook_id = ?", id);
        return connection.run("DELETE FROM webhook WHERE _id = ?", id) === 1;
      }),
  };
}

function turnOn(connection: Connection, id: string, now: Instant): void {
  connection.run(
    "UPDATE webhook SET enabled = 1, off_reason = NULL, failing_since = NULL, updated_at = ? WHERE _id = ?",
    now,
    id,
  );
  connection.run("UPDATE webhook_delivery SET due_at = ? WHERE webhook_id = ? AND status = 'PENDING'", now, id);
}

/** What is pending waits without a time until the webhook is turned on again. */
export function turnOff(connection: Connection, id: string, reason: string | null, now: Instant): void {
  connection.run("UPDATE webhook SET enabled = 0, off_reason = ?, updated_at = ? WHERE _id = ?", reason, now, id);
  connection.run("UPDATE webhook_delivery SET due_at = NULL WHERE webhook_id = ? AND status = 'PENDING'", id);
}

export function webhookOf(row: Row): Webhook {
  return {
    _id: text(row, "_id"),
    url: text(row, "url"),
    secret: text(row, "secret"),
    kinds: JSON.parse(text(row, "kinds")),
    enabled: number(row, "enabled") === 1,
    off_reason: textOrNull(row, "off_reason"),
    failing_since: numberOrNull(row, "failing_since"),
    created_at: number(row, "created_at"),
    updated_at: number(row, "updated_at"),
  };
}
