/** Owns the step `fold`: what became known of messages is applied to them, and campaigns that are done complete. */
import { isComplete } from "@mini-crm/core/campaign/campaign";
import { type Input, type MessageKey, type Stepped } from "@mini-crm/core/event/raised";
import type { StatusEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { afterReceipt, type MessageStatus, parseMessageId } from "@mini-crm/core/message/message";
import { isOvertaken, isReceipt, RECEIPT_TIMES, type Receipt } from "@mini-crm/core/message/receipt";
import type { StepResult } from "@mini-crm/core/ports/steps";
import { noteCampaign } from "./activity.ts";
import { readCampaign } from "./campaigns.ts";
import { type Connection, number, text, textOrNull } from "./connection.ts";
import { type CountChanges, countChanges } from "./counters.ts";
import { applyDirectReceipt } from "./direct-messages.ts";
import { lastRetry, noteMessageEvent } from "./message-events.ts";

export function fold(connection: Connection, input: Input<"fold">): Stepped<StepResult<"fold">> {
  const changes = countChanges(connection);
  const touched = new Set(input.campaigns);
  let moved = 0;
  for (const receipt of input.receipts) {
    const key = parseMessageId(receipt.message_id);
    if (key === null) {
      applyDirectReceipt(connection, receipt);
      continue;
    }
    touched.add(key.campaignId);
    if (applyReceipt(connection, key, receipt, changes)) moved += 1;
  }
  changes.write();
  return { result: { moved, completed: completeThoseDone(connection, touched, input) }, raised: [] };
}

/** Moves one message as `afterReceipt` says, and notes the time; true where its status is another one now. */
function applyReceipt(connection: Connection, key: MessageKey, event: StatusEvent, changes: CountChanges): boolean {
  if (!isReceipt(event)) return false;
  const { status: receipt } = event;
  // Nearly every receipt follows the one before it, and needs no look at the row.
  const usual = receipt === "DELIVERED" ? "SENT" : receipt === "READ" ? "DELIVERED" : null;
  if (usual !== null && writeReceipt(connection, key, usual, receipt, event)) {
    changes.moved(key.campaignId, key.leadId, { status: usual }, { status: receipt });
    return true;
  }
  const row = connection.get(
    "SELECT status, code, attempt, tries_from FROM message WHERE campaign_id = ? AND lead_id = ?",
    key.campaignId,
    key.leadId,
  );
  if (row === undefined) return false;
  if (number(row, "tries_from") > 0 && isOvertaken(event, lastRetry(connection, key))) return false;
  const from = { status: text(row, "status") as MessageStatus, code: textOrNull(row, "code") };
  const next = afterReceipt(from.status, receipt);
  writeReceipt(connection, key, from.status, next, event);
  if (next === from.status) return false;
  if (next === "FAILED") noteMessageEvent(connection, key, { ...event, status: next, attempt: number(row, "attempt") });
  changes.moved(key.campaignId, key.leadId, from, { status: next, code: next === "FAILED" ? event.code : null });
  return true;
}

/** Writes a receipt's time and reason, where the message's status is `from`. */
function writeReceipt(connection: Connection, key: MessageKey, from: MessageStatus, to: MessageStatus, event: Receipt): boolean {
  const times = RECEIPT_TIMES[event.status].map((time) => `${time} = coalesce(${time}, ?2), `).join("");
  const written = connection.run(
    `UPDATE message SET status = ?1, ${times}due_at = NULL,
      settled_at = CASE ?1 WHEN status THEN settled_at WHEN 'FAILED' THEN ?2 END,
      code = CASE ?1 WHEN status THEN code WHEN 'FAILED' THEN ? END,
      reason = CASE ?1 WHEN status THEN reason WHEN 'FAILED' THEN ? END
     WHERE campaign_id = ? AND lead_id = ? AND status = ?`,
    to,
    event.at,
    event.code,
    event.reason,
    key.campaignId,
    key.leadId,
    from,
  );
  return written === 1;
}

/** Completes those of the campaigns that have reached everyone they will reach; answers which. */
export function completeThoseDone(
  connection: Connection,
  campaignIds: Iterable<string>,
  at: { now: Instant; receiptWindowMs: number },
): string[] {
  const completed: string[] = [];
  for (const id of campaignIds) {
    const campaign = readCampaign(connection, id);
    if (campaign === null || !isComplete(campaign, at.now, at.receiptWindowMs)) continue;
    connection.run(
      "UPDATE campaign SET status = 'COMPLETED', completed_at = ?, updated_at = ? WHERE _id = ?",
      at.now,
      at.now,
      id,
    );
    noteCampaign(connection, "campaign.completed", id, at.now);
    completed.push(id);
  }
  return completed;
}
