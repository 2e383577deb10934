/** Owns messages to one person on SQLite: written down, claimed, recorded, and what receipts say of them. */
import { notesRecipients, waitOfOne } from "@mini-crm/core/channel/room";
import type { Input, Stepped } from "@mini-crm/core/event/raised";
import type { StatusEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import {
  type DirectMessage,
  directAfterOutcome,
  directAfterReceipt,
  heedsOptOut,
  optedOutDirect,
} from "@mini-crm/core/message/direct-message";
import { LEASE_EXPIRED } from "@mini-crm/core/message/outcome";
import type { StepResult } from "@mini-crm/core/ports/steps";
import type { DirectClaim, DirectMessageStore, Page, PageRequest } from "@mini-crm/core/ports/store";
import { type Connection, number, numberOrNull, type Row, text, textOrNull } from "./connection.ts";
import { lastSent, noteRecipients } from "./contacts.ts";
import { countSends, rateUse } from "./rate.ts";

type ClaimRequest = Parameters<DirectMessageStore["claim"]>[0];
type RecordRequest = Parameters<DirectMessageStore["record"]>[0];

/** The step `write`. */
export function writeDown(connection: Connection, { messages }: Input<"write">): Stepped<StepResult<"write">> {
  for (const { _id, campaign_id, channel_id, lead_id, phone, variant, content, status, code, reason, created_at } of messages) {
    connection.run(
      `INSERT INTO direct_message (_id, campaign_id, channel_id, lead_id, phone, variant, content, status, code, reason, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[_id, campaign_id, channel_id, lead_id, phone, variant, JSON.stringify(content), status, code, reason, created_at],
    );
  }
  const raised = messages.map(({ _id, channel_id }) => {
    return { topic: "message.direct", key: channel_id, value: { version: 1, direct_id: _id, channel_id } } as const;
  });
  return { result: { queued: messages.length }, raised };
}

export function directMessageVerbs(connection: Connection) {
  return {
    /** Durable: what goes out must still be marked after a power cut. */
    claimDirect: (request: ClaimRequest): DirectClaim => connection.transaction(() => claim(connection, request)),
    recordDirect: (request: RecordRequest): void => connection.transaction(() => record(connection, request), "soon"),

    directOfCampaign: (campaignId: string, { page, limit }: PageRequest): Page<DirectMessage> => ({
      items: connection
        .all(
          "SELECT * FROM direct_message WHERE campaign_id = ? ORDER BY _id DESC LIMIT ? OFFSET ?",
          campaignId,
          limit,
          (page - 1) * limit,
        )
        .map(directOf),
      total: Number(connection.get("SELECT count(*) AS total FROM direct_message WHERE campaign_id = ?", campaignId)?.["total"]),
    }),

    directOfLead: (leadId: string, limit: number): DirectMessage[] =>
      connection
        .all("SELECT * FROM direct_message WHERE lead_id = ? AND campaign_id IS NULL ORDER BY _id DESC LIMIT ?", leadId, limit)
        .map(directOf),
  };
}

function read(connection: Connection, id: string): { message: DirectMessage; worker: string | null } | null {
  const row = connection.get("SELECT * FROM direct_message WHERE _id = ?", id);
  return row === undefined ? null : { message: directOf(row), worker: textOrNull(row, "worker") };
}

function claim(connection: Connection, { _id, worker, limits, leaseMs, now }: ClaimRequest): DirectClaim {
  const message = read(connection, _id)?.message;
  if (message?.status !== "PENDING") return { kind: "nothing" };
  const { phone, channel_id } = message;
  if (heedsOptOut(message) && hasOptedOut(connection, phone)) {
    write(connection, optedOutDirect(message));
    return { kind: "nothing" };
  }
  const { rate, pairMs } = limits;
  const use = rate === null ? null : rateUse(connection, channel_id, rate, now);
  const lastSentAt = pairMs === null ? null : (lastSent(connection, channel_id, [phone]).get(phone) ?? null);
  const until = waitOfOne(limits, { use, lastSentAt }, now);
  if (until !== null) return { kind: "limited", until };
  connection.run(
    "UPDATE direct_message SET status = 'SENDING', sending_at = ?, worker = ?, lease_until = ? WHERE _id = ?",
    now,
    worker,
    now + leaseMs,
    _id,
  );
  // In no campaign's name: it takes of the channel's rate, and is no part of how fast the campaign goes.
  countSends(connection, { channelId: channel_id, campaignId: "", messages: 1 }, now);
  if (notesRecipients(limits)) noteRecipients(connection, channel_id, [phone], now);
  return { kind: "claimed", message: { ...message, status: "SENDING", sending_at: now } };
}

function hasOptedOut(connection: Connection, phone: string): boolean {
  const row = connection.get(
    `SELECT 1 FROM lead_contact AS c CROSS JOIN lead ON lead._id = c.lead_id
     WHERE c.kind = 'phone' AND c.value = ? AND lead.consent = 'opted_out' LIMIT 1`,
    phone,
  );
  return row !== undefined;
}

function record(connection: Connection, { _id, worker, outcome, now }: RecordRequest): void {
  const known = read(connection, _id);
  if (known === null) return;
  const next = directAfterOutcome(known.message, { stillTheWorkers: known.worker === worker, outcome, now });
  if (next !== null) write(connection, next);
}

/** SENDING ones whose lease has ended are UNCERTAIN. */
export function endDirect(connection: Connection, now: Instant): void {
  connection.run(
    "UPDATE direct_message SET status = 'UNCERTAIN', lease_until = NULL, code = ?, reason = ? WHERE lease_until <= ?",
    LEASE_EXPIRED.code,
    LEASE_EXPIRED.reason,
    now,
  );
}

/** Moves the direct message that a receipt is of, if it is of one. */
export function applyDirectReceipt(connection: Connection, receipt: StatusEvent): void {
  const known = read(connection, receipt.message_id);
  if (known !== null) write(connection, directAfterReceipt(known.message, receipt));
}

/** Writes where it stands now. The lease ends. */
function write(
  connection: Connection,
  { _id, status, code, reason, provider_id, sending_at, sent_at, delivered_at, read_at }: DirectMessage,
): void {
  connection.run(
    `UPDATE direct_message SET lease_until = NULL, status = ?, code = ?, reason = ?, provider_id = ?, sending_at = ?, sent_at = ?,
       delivered_at = ?, read_at = ? WHERE _id = ?`,
    ...[status, code, reason, provider_id, sending_at, sent_at, delivered_at, read_at, _id],
  );
}

export function directOf(row: Row): DirectMessage {
  return {
    _id: text(row, "_id"),
    campaign_id: textOrNull(row, "campaign_id"),
    channel_id: text(row, "channel_id"),
    lead_id: text(row, "lead_id"),
    phone: text(row, "phone"),
    variant: textOrNull(row, "variant"),
    content: JSON.parse(text(row, "content")),
    status: text(row, "status") as DirectMessage["status"],
    code: textOrNull(row, "code"),
    reason: textOrNull(row, "reason"),
    provider_id: textOrNull(row, "provider_id"),
    created_at: number(row, "created_at"),
    sending_at: numberOrNull(row, "sending_at"),
    sent_at: numberOrNull(row, "sent_at"),
    delivered_at: numberOrNull(row, "delivered_at"),
    read_at: numberOrNull(row, "read_at"),
  };
}
