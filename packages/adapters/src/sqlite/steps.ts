/** Owns the steps on SQLite: each changes rows and counters inside the caller's transaction and raises what comes next. */
import { unreachable } from "@mini-crm/core/app-error";
import { isComplete } from "@mini-crm/core/campaign/campaign";
import type { StatusEvent, TopicEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { afterReceipt, type MessageStatus, messageId, parseMessageId } from "@mini-crm/core/message/message";
import { afterOutcome, type SendOutcome } from "@mini-crm/core/message/outcome";
import type { AttemptOutcome, Step, StepResult, StepTable } from "@mini-crm/core/ports/steps";
import { type CountChanges, countChanges, readCampaign } from "./campaigns.ts";
import { type Connection, number, text, textOrNull } from "./connection.ts";
import { expand } from "./expansion.ts";

/** What one step gave: its result and the events that it raised. */
export interface Stepped<R> {
  result: R;
  raised: TopicEvent[];
}

type MessageKey = NonNullable<ReturnType<typeof parseMessageId>>;
type Input<N extends keyof StepTable> = StepTable[N]["input"];

/** Carries one step out. The caller holds the transaction. */
export function carryOutStep(connection: Connection, step: Step): Stepped<StepResult<Step["step"]>> {
  switch (step.step) {
    case "start":
      return start(connection, step.input);
    case "expand":
      return expand(connection, step.input);
    case "record":
      return record(connection, step.input);
    case "fold":
      return fold(connection, step.input);
    case "recover":
      return recover(connection, step.input);
    case "resume":
      return resume(connection);
    default:
      return unreachable(step);
  }
}

function start(connection: Connection, input: Input<"start">): Stepped<StepResult<"start">> {
  const started = connection.run(
    `UPDATE campaign SET status = 'RUNNING', frozen = ?, expected = ?, started_at = ?, updated_at = ?
     WHERE _id = ? AND status = 'DRAFT'`,
    JSON.stringify(input.frozen),
    input.expected,
    input.now,
    input.now,
    input.campaign_id,
  );
  if (started === 0) return { result: { kind: "not_startable" }, raised: [] };
  return { result: { kind: "started" }, raised: [jobOf(input.campaign_id, null)] };
}

export function jobOf(campaignId: string, after: string | null): TopicEvent {
  return { topic: "campaign.jobs", key: campaignId, value: { version: 1, campaign_id: campaignId, after } };
}

function record(connection: Connection, input: Input<"record">): Stepped<StepResult<"record">> {
  const changes = countChanges(connection);
  const sending = new Set<string>();
  const raised: TopicEvent[] = [];
  let applied = 0;

  for (const tried of input.outcomes) {
    const key = parseMessageId(tried.message_id);
    if (key === null || !applyOutcome(connection, key, tried, input, changes)) continue;
    if (tried.outcome.kind === "sent") sending.add(key.campaignId);
    const event = statusEventOf(tried.message_id, tried.outcome, input.now);
    if (event !== null) raised.push(event);
    applied += 1;
  }

  changes.write();
  for (const campaignId of sending) {
    connection.run("UPDATE campaign SET last_sent_at = ? WHERE _id = ?", input.now, campaignId);
  }
  return { result: { applied }, raised };
}

/** Moves one message as `afterOutcome` says; false where it changes nothing. */
function applyOutcome(
  connection: Connection,
  key: MessageKey,
  { attempt, outcome }: AttemptOutcome,
  { worker, now }: Input<"record">,
  changes: CountChanges,
): boolean {
  // Nearly every outcome is this one, and needs no look at the row before.
  if (outcome.kind === "sent" && writeSent(connection, key, "SENDING", "SENT", outcome.providerId, now)) {
    changes.moved(key.campaignId, "SENDING", "SENT");
    return true;
  }
  const row = connection.get(
    "SELECT status, worker, attempt FROM message WHERE campaign_id = ? AND lead_id = ?",
    key.campaignId,
    key.leadId,
  );
  if (row === undefined) return false;
  const status = text(row, "status") as MessageStatus;
  const stillTheWorkers = textOrNull(row, "worker") === worker && number(row, "attempt") === attempt;
  const next = afterOutcome({ status, stillTheWorkers }, outcome);
  if (next === null) return false;
  if (outcome.kind === "sent") writeSent(connection, key, status, next, outcome.providerId, now);
  else writeOutcome(connection, key, next, outcome, now);
  changes.moved(key.campaignId, status, next);
  return true;
}

/** Notes that a message was sent, where its status is `from`; what a receipt has already said of it stays. */
function writeSent(
  connection: Connection,
  key: MessageKey,
  from: MessageStatus,
  to: MessageStatus,
  providerId: string,
  now: Instant,
): boolean {
  const written = connection.run(
    `UPDATE message SET status = ?, provider_id = ?, sent_at = coalesce(sent_at, ?), wake_at = NULL,
      code = CASE ?1 WHEN 'FAILED' THEN code END, reason = CASE ?1 WHEN 'FAILED' THEN reason END
     WHERE campaign_id = ? AND lead_id = ? AND status = ?`,
    to,
    providerId,
    now,
    key.campaignId,
    key.leadId,
    from,
  );
  return written === 1;
}

/** Notes any other outcome. */
function writeOutcome(
  connection: Connection,
  key: MessageKey,
  status: MessageStatus,
  outcome: Exclude<SendOutcome, { kind: "sent" }>,
  now: Instant,
): void {
  const waits = outcome.kind === "retry" || outcome.kind === "released";
  connection.run(
    `UPDATE message SET status = ?, code = ?, reason = ?, retryable = ?, settled_at = ?, wake_at = ?, attempt = attempt - ?,
      sending_at = CASE WHEN ? THEN NULL ELSE sending_at END
     WHERE campaign_id = ? AND lead_id = ?`,
    status,
    "code" in outcome ? outcome.code : outcome.kind === "skipped" ? outcome.reason : null,
    outcome.kind === "skipped" ? outcome.detail : "reason" in outcome ? outcome.reason : null,
    outcome.kind === "failed" ? 0 : outcome.kind === "retry" ? 1 : null,
    waits ? null : now,
    outcome.kind === "retry" ? outcome.dueAt : null,
    outcome.kind === "released" ? 1 : 0,
    waits ? 1 : 0,
    key.campaignId,
    key.leadId,
  );
}

/** What the rest of the pipeline hears of an outcome; null where the message only waits again. */
function statusEventOf(id: string, outcome: SendOutcome, at: Instant): TopicEvent | null {
  const event = (status: StatusEvent["status"], code: string | null, reason: string | null): TopicEvent => ({
    topic: "message.statuses",
    key: id,
    value: { version: 1, message_id: id, source: "send", status, at, code, reason },
  });
  switch (outcome.kind) {
    case "sent":
      return event("SENT", null, null);
    case "failed":
      return event("FAILED", outcome.code, outcome.reason);
    case "uncertain":
      return event("UNCERTAIN", outcome.code, outcome.reason);
    case "skipped":
      return event("SKIPPED", outcome.reason, outcome.detail);
    case "retry":
    case "released":
      return null;
    default:
      return unreachable(outcome);
  }
}

function fold(connection: Connection, input: Input<"fold">): Stepped<StepResult<"fold">> {
  const changes = countChanges(connection);
  const touched = new Set<string>();
  let moved = 0;
  for (const event of input.events) {
    const key = parseMessageId(event.message_id);
    if (key === null) continue;
    touched.add(key.campaignId);
    if (event.source === "send") continue; // The sender has already written its row.
    if (applyReceipt(connection, key, event, changes)) moved += 1;
  }
  changes.write();
  return { result: { moved, completed: completeThoseDone(connection, touched, input) }, raised: [] };
}

/** Moves one message as `afterReceipt` says, and notes the time; true where its status is another one now. */
function applyReceipt(connection: Connection, key: MessageKey, event: StatusEvent, changes: CountChanges): boolean {
  const { status: receipt } = event;
  if (receipt === "SKIPPED" || receipt === "UNCERTAIN") return false;
  // Nearly every receipt follows the one before it, and needs no look at the row.
  const usual = receipt === "DELIVERED" ? "SENT" : receipt === "READ" ? "DELIVERED" : null;
  if (usual !== null && writeReceipt(connection, key, usual, receipt, event)) {
    changes.moved(key.campaignId, usual, receipt);
    return true;
  }
  const row = connection.get("SELECT status FROM message WHERE campaign_id = ? AND lead_id = ?", key.campaignId, key.leadId);
  if (row === undefined) return false;
  const status = text(row, "status") as MessageStatus;
  const next = afterReceipt(status, receipt);
  writeReceipt(connection, key, status, next, event);
  if (next === status) return false;
  changes.moved(key.campaignId, status, next);
  return true;
}

/** Writes a receipt's time and reason, where the message's status is `from`. */
function writeReceipt(
  connection: Connection,
  key: MessageKey,
  from: MessageStatus,
  to: MessageStatus,
  event: StatusEvent,
): boolean {
  const column = RECEIPT_TIME[event.status];
  const written = connection.run(
    `UPDATE message SET status = ?, ${column}, wake_at = NULL,
      settled_at = CASE ?1 WHEN 'FAILED' THEN coalesce(settled_at, ?2) END,
      code = CASE ?1 WHEN 'FAILED' THEN coalesce(code, ?) END, reason = CASE ?1 WHEN 'FAILED' THEN coalesce(reason, ?) END
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

/** Which times a receipt sets; whoever has read a message has received it. */
const RECEIPT_TIME: Record<StatusEvent["status"], string> = {
  SENT: "sent_at = coalesce(sent_at, ?2)",
  DELIVERED: "delivered_at = coalesce(delivered_at, ?2)",
  READ: "delivered_at = coalesce(delivered_at, ?2), read_at = coalesce(read_at, ?2)",
  FAILED: "status = ?1",
  SKIPPED: "status = ?1",
  UNCERTAIN: "status = ?1",
};

function completeThoseDone(
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
    completed.push(id);
  }
  return completed;
}

function recover(connection: Connection, input: Input<"recover">): Stepped<StepResult<"recover">> {
  const changes = countChanges(connection);
  const result = { freed: 0, uncertain: 0, due: 0, completed: [] as string[] };
  const raised: TopicEvent[] = [];
  const lookAt = new Map<string, { first: string; last: string; messages: number }>();
  const rows = connection.all(
    "SELECT campaign_id, lead_id, status FROM message WHERE wake_at <= ? ORDER BY wake_at LIMIT ?",
    input.now,
    input.limit,
  );

  for (const row of rows) {
    const campaignId = text(row, "campaign_id");
    const leadId = text(row, "lead_id");
    const status = text(row, "status");
    if (status === "SENDING") {
      const reason = "The worker that sent it did not say what came of it; a receipt would settle it.";
      const outcome: SendOutcome = { kind: "uncertain", code: "lease_expired", reason };
      writeOutcome(connection, { campaignId, leadId }, "UNCERTAIN", outcome, input.now);
      changes.moved(campaignId, "SENDING", "UNCERTAIN");
      const event = statusEventOf(messageId(campaignId, leadId), outcome, input.now);
      if (event !== null) raised.push(event);
      result.uncertain += 1;
      continue;
    }
    connection.run("UPDATE message SET status = 'PENDING', wake_at = NULL WHERE campaign_id = ? AND lead_id = ?", campaignId, leadId);
    if (status === "CLAIMED") {
      changes.moved(campaignId, "CLAIMED", "PENDING");
      result.freed += 1;
    } else {
      result.due += 1;
    }
    const span = lookAt.get(campaignId) ?? { first: leadId, last: leadId, messages: 0 };
    if (leadId < span.first) span.first = leadId;
    if (leadId > span.last) span.last = leadId;
    span.messages += 1;
    lookAt.set(campaignId, span);
  }

  changes.write();
  for (const [campaignId, span] of lookAt) {
    const window = windowOf(connection, campaignId, justBefore(span.first), span.last, span.messages);
    if (window !== null) raised.push(window);
  }
  const running = connection.all("SELECT _id FROM campaign WHERE status = 'RUNNING'").map((row) => text(row, "_id"));
  result.completed = completeThoseDone(connection, running, input);
  return { result, raised };
}

/** A bound that `leadId` lies after, while no lead that matters lies in between: its own beginning. */
function justBefore(leadId: string): string {
  return leadId.slice(0, -1);
}

/** A look at a running campaign's messages to the leads after `after` up to `upTo`. */
export function windowOf(
  connection: Connection,
  campaignId: string,
  after: string | null,
  upTo: string,
  messages: number,
): TopicEvent | null {
  const row = connection.get("SELECT channel_id FROM campaign WHERE _id = ? AND status = 'RUNNING'", campaignId);
  if (row === undefined) return null;
  const channelId = text(row, "channel_id");
  return {
    topic: "campaign.messages",
    key: channelId,
    value: { version: 1, campaign_id: campaignId, channel_id: channelId, after, up_to: upTo, messages },
  };
}

function resume(connection: Connection): Stepped<StepResult<"resume">> {
  const rows = connection.all("SELECT _id FROM campaign WHERE status = 'RUNNING'");
  return { result: { campaigns: rows.length }, raised: rows.map((row) => jobOf(text(row, "_id"), null)) };
}
