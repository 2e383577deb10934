/** Owns the step `retry` on SQLite: messages that a person chose are tried again. */
import { endingOf } from "@mini-crm/core/campaign/campaign";
import { transition } from "@mini-crm/core/campaign/lifecycle";
import type { MessageStatus } from "@mini-crm/core/message/message";
import { isRetryable } from "@mini-crm/core/message/retry";
import type { RetryChoice, StepResult } from "@mini-crm/core/ports/steps";
import { readCampaign } from "./campaigns.ts";
import { type Connection, number, type Row, text, textOrNull } from "./connection.ts";
import { AFTER_ALL_LEADS, countChanges, ledgerCounts, windowEnd } from "./counters.ts";
import { noteMessageEvent } from "./message-events.ts";
import { type Input, type Stepped, windowOf } from "./raised.ts";

export function retry(connection: Connection, input: Input<"retry">): Stepped<StepResult<"retry">> {
  const campaign = readCampaign(connection, input.campaign_id);
  if (campaign === null) return { result: { kind: "not_found" }, raised: [] };
  const moved = transition(campaign.status, "retry");
  if (moved.kind === "refused") return { result: moved, raised: [] };
  if (moved.kind === "already") throw new Error("A retry is never carried out already");
  const ending = endingOf(campaign, input.now);
  if (ending !== null) return { result: { kind: "refused", reason: "It has expired, so nobody else is written to" }, raised: [] };

  const rows = chosenRows(connection, campaign._id, input.choice, input.limit);
  if (rows.length === 0) return { result: { kind: "retried", messages: 0, left: 0 }, raised: [] };
  tryAgain(connection, campaign._id, rows, input.now);
  connection.run(
    "UPDATE campaign SET status = ?, completed_at = NULL, updated_at = ? WHERE _id = ?",
    moved.to,
    input.now,
    campaign._id,
  );
  const look = windowOf(connection, campaign._id, null, AFTER_ALL_LEADS, rows.length);
  const left = input.choice.lead_ids === null ? countChosen(connection, campaign._id, input.choice) : 0;
  return { result: { kind: "retried", messages: rows.length, left }, raised: look === null ? [] : [look] };
}

function tryAgain(connection: Connection, campaignId: string, rows: readonly Row[], now: number): void {
  const changes = countChanges(connection);
  for (const row of rows) {
    const leadId = text(row, "lead_id");
    const from = { status: text(row, "status") as MessageStatus, code: textOrNull(row, "code") };
    const key = { campaignId, leadId };
    noteMessageEvent(connection, key, { at: now, status: "RETRIED", attempt: number(row, "attempt"), code: null, reason: null });
    connection.run(
      `UPDATE message SET status = 'PENDING', tries_from = attempt, code = NULL, reason = NULL, retryable = NULL, provider_id = NULL,
         sending_at = NULL, sent_at = NULL, delivered_at = NULL, read_at = NULL, settled_at = NULL
       WHERE campaign_id = ? AND lead_id = ?`,
      campaignId,
      leadId,
    );
    changes.moved(campaignId, leadId, from, { status: "PENDING" });
  }
  changes.write();
}

/** How many messages of a choice there are, from the counters. */
function countChosen(connection: Connection, campaignId: string, { status, code }: RetryChoice): number {
  return ledgerCounts(connection, campaignId)
    .filter((count) => count.status === status && (code === null || count.code === code) && isRetryable(status, count.code))
    .reduce((sum, { messages }) => sum + messages, 0);
}

function chosenRows(connection: Connection, campaignId: string, choice: RetryChoice, limit: number): Row[] {
  if (choice.lead_ids !== null) return chosenLeads(connection, campaignId, choice, choice.lead_ids.slice(0, limit));
  const windows = connection.all(
    `SELECT DISTINCT window FROM campaign_count
     WHERE campaign_id = ?1 AND status = ?2 AND (?3 IS NULL OR code = ?3) AND messages > 0 ORDER BY window`,
    campaignId,
    choice.status,
    choice.code,
  );
  const rows: Row[] = [];
  for (const { window } of windows) {
    if (rows.length >= limit) break;
    const found = connection.all(
      `SELECT lead_id, status, code, attempt FROM message
       WHERE campaign_id = ?1 AND lead_id > ?2 AND lead_id <= ?3 AND status = ?4 AND (?5 IS NULL OR code = ?5) ORDER BY lead_id`,
      campaignId,
      String(window),
      windowEnd(connection, campaignId, String(window)),
      choice.status,
      choice.code,
    );
    rows.push(...found.filter(mayBeTriedAgain).slice(0, limit - rows.length));
  }
  return rows;
}

function chosenLeads(connection: Connection, campaignId: string, choice: RetryChoice, leadIds: readonly string[]): Row[] {
  return connection
    .all(
      `SELECT m.lead_id, m.status, m.code, m.attempt FROM json_each(?1) AS asked CROSS JOIN message AS m
         ON m.campaign_id = ?2 AND m.lead_id = asked.value
       WHERE m.status = ?3 AND (?4 IS NULL OR m.code = ?4)`,
      JSON.stringify([...new Set(leadIds)]),
      campaignId,
      choice.status,
      choice.code,
    )
    .filter(mayBeTriedAgain);
}

function mayBeTriedAgain(row: Row): boolean {
  return isRetryable(text(row, "status") as MessageStatus, textOrNull(row, "code"));
}
