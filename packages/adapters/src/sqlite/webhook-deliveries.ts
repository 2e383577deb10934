/** Owns the verbs on deliveries to webhooks: claiming those that are due, and writing down what came of each try. */
import type { Instant } from "@mini-crm/core/instant";
import type { Page, PageRequest } from "@mini-crm/core/ports/store";
import type { ClaimedDelivery, MadeDue, WebhookStore } from "@mini-crm/core/ports/webhook-store";
import {
  afterAttempt,
  type Delivery,
  type DeliveryKind,
  type DeliveryStatus,
  KEPT_DELIVERIES,
  newDelivery,
  testNews,
} from "@mini-crm/core/webhook/webhook";
import { type Connection, number, numberOrNull, type Row, text } from "./connection.ts";
import { readWebhook, turnOff } from "./webhooks.ts";

type ClaimRequest = Parameters<WebhookStore["claim"]>[0];
type RecordRequest = Parameters<WebhookStore["record"]>[0];

export function webhookDeliveryVerbs(connection: Connection) {
  return {
    testWebhook: (id: string, deliveryId: string, now: Instant): MadeDue =>
      connection.transaction(() => {
        const webhook = readWebhook(connection, id);
        if (webhook === null) return { kind: "not_found" };
        if (!webhook.enabled) return { kind: "off" };
        const delivery = newDelivery(id, deliveryId, testNews(id, now));
        connection.run(
          `INSERT INTO webhook_delivery (_id, webhook_id, kind, body, status, attempt, due_at, created_at, attempts)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, '[]')`,
          deliveryId,
          id,
          delivery.kind,
          delivery.body,
          delivery.status,
          delivery.attempt,
          delivery.due_at,
          delivery.created_at,
        );
        const { body, attempt, ...shown } = delivery;
        return { kind: "due", delivery: shown };
      }),

    claimDeliveries: (request: ClaimRequest): ClaimedDelivery[] => {
      // Nearly always nothing is due, and asking for that takes nobody's turn to write.
      if (connection.get("SELECT 1 FROM webhook_delivery WHERE due_at <= ? LIMIT 1", request.now) === undefined) return [];
      return connection.transaction(() => claim(connection, request), "soon");
    },

    recordAttempt: (request: RecordRequest): { status: DeliveryStatus; turnedOff: string | null } | null =>
      connection.transaction(() => record(connection, request), "soon"),

    listDeliveries: (webhookId: string, { page, limit }: PageRequest): Page<Delivery> => ({
      items: connection
        .all(
          "SELECT * FROM webhook_delivery WHERE webhook_id = ? ORDER BY created_at DESC, _id DESC LIMIT ? OFFSET ?",
          webhookId,
          limit,
          (page - 1) * limit,
        )
        .map(deliveryOf),
      total: Number(connection.get("SELECT count(*) AS n FROM webhook_delivery WHERE webhook_id = ?", webhookId)?.["n"]),
    }),

    retryDelivery: (webhookId: string, deliveryId: string, now: Instant): MadeDue =>
      connection.transaction(() => {
        const webhook = readWebhook(connection, webhookId);
        if (webhook === null) return { kind: "not_found" };
        if (!webhook.enabled) return { kind: "off" };
        const row = connection.get(
          "UPDATE webhook_delivery SET status = 'PENDING', due_at = ? WHERE _id = ? AND webhook_id = ? RETURNING *",
          now,
          deliveryId,
          webhookId,
        );
        return row === undefined ? { kind: "not_found" } : { kind: "due", delivery: deliveryOf(row) };
      }),

    sweepDeliveries: (before: Instant): number =>
      connection.transaction(() => {
        let swept = 0;
        for (const webhook of connection.all("SELECT _id FROM webhook")) {
          const id = text(webhook, "_id");
          swept += connection.run("DELETE FROM webhook_delivery WHERE webhook_id = ? AND created_at < ?", id, before);
          swept += connection.run(
            `DELETE FROM webhook_delivery WHERE _id IN (
               SELECT _id FROM webhook_delivery WHERE webhook_id = ? ORDER BY created_at DESC, _id DESC LIMIT -1 OFFSET ?)`,
            id,
            KEPT_DELIVERIES,
          );
        }
        return swept;
      }, "soon"),
  };
}

/** The time when a claimed delivery would be due again is its lease. */
function claim(connection: Connection, { busy, perWebhook, leaseMs, now }: ClaimRequest): ClaimedDelivery[] {
  const claimed: ClaimedDelivery[] = [];
  for (const webhook of connection.all("SELECT _id, url, secret FROM webhook WHERE enabled = 1")) {
    const id = text(webhook, "_id");
    if (busy.includes(id)) continue;
    const rows = connection.all(
      `UPDATE webhook_delivery SET attempt = attempt + 1, due_at = ? WHERE _id IN (
         SELECT _id FROM webhook_delivery WHERE webhook_id = ? AND due_at <= ? ORDER BY due_at LIMIT ?)
       RETURNING _id, body, attempt`,
      now + leaseMs,
      id,
      now,
      perWebhook,
    );
    for (const row of rows) {
      claimed.push({
        _id: text(row, "_id"),
        webhook_id: id,
        url: text(webhook, "url"),
        secret: text(webhook, "secret"),
        body: text(row, "body"),
        attempt: number(row, "attempt"),
      });
    }
  }
  return claimed;
}

function record(connection: Connection, request: RecordRequest): { status: DeliveryStatus; turnedOff: string | null } | null {
  const row = connection.get(
    "SELECT * FROM webhook_delivery WHERE _id = ? AND attempt = ? AND status = 'PENDING'",
    request.delivery_id,
    request.attempt,
  );
  const known = row === undefined ? null : deliveryOf(row);
  const webhook = known === null ? null : readWebhook(connection, known.webhook_id);
  if (known === null || webhook === null) return null;
  const { delivery, failing_since, turnOff: reason } = afterAttempt(known, webhook, request);
  connection.run(
    "UPDATE webhook_delivery SET status = ?, due_at = ?, attempts = ? WHERE _id = ?",
    delivery.status,
    delivery.due_at,
    JSON.stringify(delivery.attempts),
    known._id,
  );
  connection.run("UPDATE webhook SET failing_since = ? WHERE _id = ?", failing_since, webhook._id);
  if (reason !== null) turnOff(connection, webhook._id, reason, request.now);
  return { status: delivery.status, turnedOff: reason };
}

export function deliveryOf(row: Row): Delivery {
  return {
    _id: text(row, "_id"),
    webhook_id: text(row, "webhook_id"),
    kind: text(row, "kind") as DeliveryKind,
    status: text(row, "status") as DeliveryStatus,
    due_at: numberOrNull(row, "due_at"),
    created_at: number(row, "created_at"),
    attempts: JSON.parse(text(row, "attempts")),
  };
}
