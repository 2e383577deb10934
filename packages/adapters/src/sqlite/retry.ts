/** Owns how messages that a person chose are tried again on SQLite: the step `retry`, and the count that is shown before. */
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import type { Input, Stepped } from "@mini-crm/core/event/raised";
import type { Instant } from "@mini-crm/core/instant";
import { AFTER_ALL_LEADS } from "@mini-crm/core/lead/lead";
import { eventsOfRetry } from "@mini-crm/core/message/history";
import type { Message } from "@mini-crm/core/message/message";
import { countChosen, isChosen, reasonCounts, retryRefusal, sumOf } from "@mini-crm/core/message/retry";
import type { ReasonCount, RetryChoice, StepResult } from "@mini-crm/core/ports/steps";
import type { MessageStore } from "@mini-crm/core/ports/store";
import { readCampaign } from "./campaigns.ts";
import { type Connection, text } from "./connection.ts";
import { countChanges, ledgerCounts, windowBehind, windowEnd } from "./counters.ts";
import { noteMessageEvent } from "./message-events.ts";
import { messageOf } from "./message-rows.ts";
import { reopen } from "./outcomes.ts";
import { windowOf } from "./raised.ts";

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
  return { kind: "counted", counts: countsOf(connection, campaign._id, choice) };
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
  const chosen = chosenMessages(connection, input.campaign_id, input.choice, input.after ?? "", input.limit + 1);
  const now = chosen.slice(0, input.limit);
  const last = now.at(-1);
  if (last === undefined) return { result: { kind: "retried", counts: [], next: null }, raised: [] };
  tryAgain(connection, now, input.now);
  reopen(connection, campaign, input.now);
  const look = windowOf(connection, input.campaign_id, null, AFTER_ALL_LEADS, now.length);
  const next = chosen.length > now.length ? last.lead_id : null;
  return { result: { kind: "retried", counts: reasonCounts(now), next }, raised: look === null ? [] : [look] };
}

/** Whoever held a message holds it no more, so that of an earlier try only the fact that it was sent still counts. */
function tryAgain(connection: Connection, messages: readonly Message[], now: Instant): void {
  const changes = countChanges(connection);
  for (const message of messages) {
    const { campaign_id: campaignId, lead_id: leadId } = message;
    for (const event of eventsOfRetry(message, now)) noteMessageEvent(connection, { campaignId, leadId }, event);
    connection.run(
      `UPDATE message SET status = 'PENDING', tries_from = attempt, worker = NULL, code = NULL, reason = NULL, retryable = NULL,
         provider_id = NULL, sending_at = NULL, sent_at = NULL, delivered_at = NULL, read_at = NULL, settled_at = NULL
       WHERE campaign_id = ? AND lead_id = ?`,
      campaignId,
      leadId,
    );
    changes.moved(campaignId, leadId, message, { status: "PENDING" });
  }
  changes.write();
}

/** How many messages of a choice there are: from the counters, or where leads were named from their rows. */
function countsOf(connection: Connection, campaignId: string, choice: RetryChoice): ReasonCount[] {
  return choice.lead_ids === null
    ? countChosen(choice, ledgerCounts(connection, campaignId))
    : reasonCounts(chosenLeads(connection, campaignId, choice, choice.lead_ids, ""));
}

/** The first `most` messages of a choice behind the lead `after`. */
function chosenMessages(connection: Connection, campaignId: string, choice: RetryChoice, after: string, most: number): Message[] {
  if (choice.lead_ids !== null) return chosenLeads(connection, campaignId, choice, choice.lead_ids, after).slice(0, most);
  const messages: Message[] = [];
  const first = windowBehind(connection, campaignId, after);
  for (const window of windowsWithChosen(connection, campaignId, choice)) {
    if (messages.length >= most) break;
    if (window < first) continue;
    const found = connection.all(
      `SELECT *, NULL AS text FROM message INDEXED BY message_settled
       WHERE campaign_id = ?1 AND lead_id > ?2 AND lead_id <= ?3 AND status = ?4 AND (?5 IS NULL OR code = ?5)
         AND settled_at IS NOT NULL
       ORDER BY lead_id`,
      campaignId,
      after > window ? after : window,
      windowEnd(connection, campaignId, window),
      choice.status,
      choice.code,
    );
    const chosen = found.map((row) => messageOf(row, [])).filter((message) => isChosen(choice, message));
    messages.push(...chosen.slice(0, most - messages.length));
  }
  return messages;
}

function windowsWithChosen(connection: Connection, campaignId: string, choice: RetryChoice): Set<string> {
  const { status } = choice;
  const counts = connection.all(
    "SELECT window, code FROM campaign_count WHERE campaign_id = ? AND status = ? AND messages > 0 ORDER BY window",
    campaignId,
    status,
  );
  const chosen = counts.filter((count) => isChosen(choice, { status, code: text(count, "code") || null }));
  return new Set(chosen.map((count) => text(count, "window")));
}

/** The messages of a choice to leads that it names, behind the lead `after`. */
function chosenLeads(
  connection: Connection,
  campaignId: string,
  choice: RetryChoice,
  leadIds: readonly string[],
  after: string,
): Message[] {
  return connection
    .all(
      `SELECT m.*, NULL AS text FROM json_each(?1) AS asked CROSS JOIN message AS m ON m.campaign_id = ?2 AND m.lead_id = asked.value
       WHERE m.status = ?3 AND m.lead_id > ?4 ORDER BY m.lead_id`,
      JSON.stringify([...new Set(leadIds)]),
      campaignId,
      choice.status,
      after,
    )
    .map((row) => messageOf(row, []))
    .filter((message) => isChosen(choice, message));
}
