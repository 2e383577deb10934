/** Owns the verbs on deliveries to webhooks: claiming those that are due, and writing down what came of each try. */
import type { Instant } from "@mini-crm/core/instant";
import type { Page, PageRequest } from "@mini-crm/core/ports/store";
import type { ClaimedDelivery, MadeDue, WebhookStore } from "@mini-crm/core/ports/webhook-store";
import {
  type Attempt,
  bodyOf,
  type Delivery,
  type DeliveryKind,
  type DeliveryStatus,
  judgeAttempt,
  KEPT_ATTEMPTS,
  KEPT_DELIVERIES,
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
        const kind = "webhook.test";
        const body = bodyOf({ kind, at: now, subject: id, data: { message: "A test of this webhook." } });
        const row = connection.get(
          `INSERT INTO webhook_delivery (_id, webhook_id, kind, body, status, attempt, due_at, created_at, attempts)
           VALUES (?, ?, ?, ?, 'PENDING', 0, ?, ?, '[]') RETURNING *`,
          deliveryId,
          id,
          kind,
          body,
          now,
          now,
        );
        if (row === undefined) throw new Error("A delivery that was just written is not there");
        return { kind: "due", delivery: deliveryOf(row) };
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

function record(
  connection: Connection,
  { delivery_id, attempt, answer, durationMs, now }: RecordRequest,
): { status: DeliveryStatus; turnedOff: string | null } | null {
  const row = connection.get(
    `SELECT d.webhook_id, d.attempts, w.enabled, w.failing_since FROM webhook_delivery AS d JOIN webhook AS w ON w._id = d.webhook_id
     WHERE d._id = ? AND d.attempt = ? AND d.status = 'PENDING'`,
    delivery_id,
    attempt,
  );
  if (row === undefined) return null;
  const verdict = judgeAttempt(answer, { attempt, failingSince: numberOrNull(row, "failing_since"), now });
  const tried: Attempt = {
    at: now - durationMs,
    duration_ms: durationMs,
    status: answer.kind === "answered" ? answer.status : null,
    reason: verdict.reason,
    answer: answer.kind === "answered" ? answer.excerpt : null,
  };
  const known: Attempt[] = JSON.parse(text(row, "attempts"));
  const isOff = number(row, "enabled") === 0;
  connection.run(
    "UPDATE webhook_delivery SET status = ?, due_at = ?, attempts = ? WHERE _id = ?",
    verdict.status,
    isOff ? null : verdict.due_at,
    JSON.stringify([...known, tried].slice(-KEPT_ATTEMPTS)),
    delivery_id,
  );
  const webhookId = text(row, "webhook_id");
  connection.run("UPDATE webhook SET failing_since = ? WHERE _id = ?", verdict.failing_since, webhookId);
  if (verdict.turnOff === null || isOff) return { status: verdict.status, turnedOff: null };
  turnOff(connection, webhookId, verdict.turnOff, now);
  return { status: verdict.status, turnedOff: verdict.turnOff };
}

function deliveryOf(row: Row): Delivery {
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
