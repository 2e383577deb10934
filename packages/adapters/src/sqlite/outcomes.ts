/** Owns the step `record`: what came of tries is written to their messages. */
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { type MessageStatus, parseMessageId } from "@mini-crm/core/message/message";
import { afterOutcome, type SendOutcome } from "@mini-crm/core/message/outcome";
import type { AttemptOutcome, StepResult } from "@mini-crm/core/ports/steps";
import { type CountChanges, countChanges } from "./campaigns.ts";
import { type Connection, number, text, textOrNull } from "./connection.ts";
import { type Input, type MessageKey, type Stepped, statusEventOf } from "./raised.ts";

export function record(connection: Connection, input: Input<"record">): Stepped<StepResult<"record">> {
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
  const planned = afterOutcome({ status, stillTheWorkers }, outcome);
  if (planned === null) return false;
  // Nothing of a campaign that was cancelled in the meantime waits for another try.
  const next = planned === "PENDING" && isCancelled(connection, key.campaignId) ? "CANCELLED" : planned;
  if (outcome.kind === "sent") writeSent(connection, key, status, next, outcome.providerId, now);
  else writeOutcome(connection, key, next, outcome, now);
  changes.moved(key.campaignId, status, next);
  return true;
}

function isCancelled(connection: Connection, campaignId: string): boolean {
  return connection.get("SELECT status FROM campaign WHERE _id = ?", campaignId)?.["status"] === "CANCELLED";
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
    `UPDATE message SET status = ?, provider_id = ?, sent_at = coalesce(sent_at, ?),
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
export function writeOutcome(
  connection: Connection,
  key: MessageKey,
  status: MessageStatus,
  outcome: Exclude<SendOutcome, { kind: "sent" }>,
  now: Instant,
): void {
  const waits = status === "PENDING";
  connection.run(
    `UPDATE message SET status = ?, code = ?, reason = ?, retryable = ?, settled_at = ?, due_at = ?, attempt = attempt - ?,
      sending_at = CASE WHEN ? THEN NULL ELSE sending_at END
     WHERE campaign_id = ? AND lead_id = ?`,
    status,
    "code" in outcome ? outcome.code : outcome.kind === "skipped" ? outcome.reason : null,
    outcome.kind === "skipped" ? outcome.detail : "reason" in outcome ? outcome.reason : null,
    outcome.kind === "failed" ? 0 : outcome.kind === "retry" ? 1 : null,
    waits ? null : now,
    waits && outcome.kind === "retry" ? outcome.dueAt : null,
    outcome.kind === "released" ? 1 : 0,
    waits ? 1 : 0,
    key.campaignId,
    key.leadId,
  );
}
