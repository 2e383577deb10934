/** Owns how messages that a person chose are tried again on SQLite: the step `retry`, and the count that is shown before. */
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import type { Instant } from "@mini-crm/core/instant";
import type { MessageStatus } from "@mini-crm/core/message/message";
import { isRetryable, retryRefusal } from "@mini-crm/core/message/retry";
import type { ReasonCount, RetryChoice, StepResult } from "@mini-crm/core/ports/steps";
import type { MessageStore } from "@mini-crm/core/ports/store";
import { readCampaign } from "./campaigns.ts";
import { type Connection, number, type Row, text, textOrNull } from "./connection.ts";
import { AFTER_ALL_LEADS, countChanges, ledgerCounts, windowBehind, windowEnd } from "./counters.ts";
import { keepHistory, noteMessageEvent } from "./message-events.ts";
import { reopen } from "./outcomes.ts";
import { type Input, type Stepped, windowOf } from "./raised.ts";

type Retryable = Awaited<ReturnType<MessageStore["retryable"]>>;

/** What the step `retry` would have tried again now. */
export function retryable(connection: Connection, campaignId: string, choice: RetryChoice, now: Instant): Retryable {
  const campaign = readCampaign(connection, campaignId);
  return campaign === null ? { kind: "not_found" } : counted(connection, campaign, choice, now);
}

function counted(
  connection: Connection,
  campaign: Campaign,
  choice: RetryChoice,
  now: Instant,
): Exclude<Retryable, { kind: "not_found" }> {
  const reason = retryRefusal(campaign, now);
  if (reason !== null) return { kind: "refused", reason };
  return { kind: "counted", counts: countChosen(connection, campaign._id, choice) };
}

export function retry(connection: Connection, input: Input<"retry">): Stepped<StepResult<"retry">> {
  const campaign = readCampaign(connection, input.campaign_id);
  if (campaign === null) return { result: { kind: "not_found" }, raised: [] };
  const found = counted(connection, campaign, input.choice, input.now);
  if (found.kind === "refused") return { result: found, raised: [] };
  if (input.expected !== null && sumOf(found.counts) !== input.expected) {
    return { result: { kind: "changed", counts: found.counts }, raised: [] };
  }
  // One more than are tried again tells whether any are left.
  const rows = chosenRows(connection, input.campaign_id, input.choice, input.after ?? "", input.limit + 1);
  const now = rows.slice(0, input.limit);
  const last = now.at(-1);
  if (last === undefined) return { result: { kind: "retried", counts: [], next: null }, raised: [] };
  tryAgain(connection, input.campaign_id, now, input.now);
  reopen(connection, campaign, input.now);
  const look = windowOf(connection, input.campaign_id, null, AFTER_ALL_LEADS, now.length);
  const next = rows.length > now.length ? text(last, "lead_id") : null;
  return { result: { kind: "retried", counts: byReason(now), next }, raised: look === null ? [] : [look] };
}

/** Whoever held a message holds it no more, so that of an earlier try only the fact that it was sent still counts. */
function tryAgain(connection: Connection, campaignId: string, rows: readonly Row[], now: Instant): void {
  const changes = countChanges(connection);
  for (const row of rows) {
    const leadId = text(row, "lead_id");
    const from = { status: text(row, "status") as MessageStatus, code: textOrNull(row, "code") };
    const key = { campaignId, leadId };
    keepHistory(connection, key, row);
    noteMessageEvent(connection, key, { at: now, status: "RETRIED", attempt: number(row, "attempt"), code: null, reason: null });
    connection.run(
      `UPDATE message SET status = 'PENDING', tries_from = attempt, worker = NULL, code = NULL, reason = NULL, retryable = NULL,
         provider_id = NULL, sending_at = NULL, sent_at = NULL, delivered_at = NULL, read_at = NULL, settled_at = NULL
       WHERE campaign_id = ? AND lead_id = ?`,
      campaignId,
      leadId,
    );
    changes.moved(campaignId, leadId, from, { status: "PENDING" });
  }
  changes.write();
}

/** How many messages of a choice there are: from the counters, or where leads were named from their rows. */
function countChosen(connection: Connection, campaignId: string, choice: RetryChoice): ReasonCount[] {
  if (choice.lead_ids !== null) {
    return byReason(chosenLeads(connection, campaignId, choice, choice.lead_ids, "", choice.lead_ids.length));
  }
  const counts = new Map<string | null, number>();
  for (const { status, code, messages } of ledgerCounts(connection, campaignId)) {
    if (isChosen(choice, status, code)) counts.set(code, (counts.get(code) ?? 0) + messages);
  }
  return [...counts].map(([code, messages]) => ({ code, messages }));
}

/** The first `most` rows of a choice behind the lead `after`. */
function chosenRows(connection: Connection, campaignId: string, choice: RetryChoice, after: string, most: number): Row[] {
  if (choice.lead_ids !== null) return chosenLeads(connection, campaignId, choice, choice.lead_ids, after, most);
  const rows: Row[] = [];
  const first = windowBehind(connection, campaignId, after);
  for (const window of windowsWithChosen(connection, campaignId, choice)) {
    if (rows.length >= most) break;
    if (window < first) continue;
    const found = connection.all(
      `SELECT * FROM message INDEXED BY message_settled
       WHERE campaign_id = ?1 AND lead_id > ?2 AND lead_id <= ?3 AND status = ?4 AND (?5 IS NULL OR code = ?5)
         AND settled_at IS NOT NULL
       ORDER BY lead_id`,
      campaignId,
      after > window ? after : window,
      windowEnd(connection, campaignId, window),
      choice.status,
      choice.code,
    );
    for (const row of found) if (rows.length < most && isChosenRow(choice, row)) rows.push(row);
  }
  return rows;
}

function windowsWithChosen(connection: Connection, campaignId: string, choice: RetryChoice): Set<string> {
  const counts = connection.all(
    "SELECT window, status, code FROM campaign_count WHERE campaign_id = ? AND status = ? AND messages > 0 ORDER BY window",
    campaignId,
    choice.status,
  );
  return new Set(counts.filter((count) => isChosenRow(choice, count)).map((count) => text(count, "window")));
}

function chosenLeads(
  connection: Connection,
  campaignId: string,
  choice: RetryChoice,
  leadIds: readonly string[],
  after: string,
  most: number,
): Row[] {
  return connection
    .all(
      `SELECT m.* FROM json_each(?1) AS asked CROSS JOIN message AS m ON m.campaign_id = ?2 AND m.lead_id = asked.value
       WHERE m.status = ?3 AND m.lead_id > ?4 ORDER BY m.lead_id`,
      JSON.stringify([...new Set(leadIds)]),
      campaignId,
      choice.status,
      after,
    )
    .filter((row) => isChosenRow(choice, row))
    .slice(0, most);
}

function isChosenRow(choice: RetryChoice, row: Row): boolean {
  return isChosen(choice, text(row, "status") as MessageStatus, textOrNull(row, "code") || null);
}

function isChosen(choice: RetryChoice, status: MessageStatus, code: string | null): boolean {
  return status === choice.status && (choice.code === null || code === choice.code) && isRetryable(status, code);
}

function byReason(rows: readonly Row[]): ReasonCount[] {
  const groups = Map.groupBy(rows, (row) => textOrNull(row, "code"));
  return [...groups].map(([code, { length }]) => ({ code, messages: length }));
}

function sumOf(counts: readonly ReasonCount[]): number {
  return counts.reduce((sum, { messages }) => sum + messages, 0);
}
