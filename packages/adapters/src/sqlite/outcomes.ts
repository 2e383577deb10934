/** Owns the step `record`: what came of tries is written to their messages. */
import { unreachable } from "@mini-crm/core/app-error";
import { endingOf } from "@mini-crm/core/campaign/campaign";
import { transition } from "@mini-crm/core/campaign/lifecycle";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { type MessageStatus, parseMessageId } from "@mini-crm/core/message/message";
import { afterOutcome, type SendOutcome } from "@mini-crm/core/message/outcome";
import type { AttemptOutcome, StepResult } from "@mini-crm/core/ports/steps";
import { readCampaign } from "./campaigns.ts";
import { type Connection, number, text, textOrNull } from "./connection.ts";
import { type CountChanges, countChanges, type Place } from "./counters.ts";
import { noteMessageEvent } from "./message-events.ts";
import { type Input, jobOf, type MessageKey, type Stepped, statusEventOf } from "./raised.ts";

export function record(connection: Connection, input: Input<"record">): Stepped<StepResult<"record">> {
  const changes = countChanges(connection);
  const sending = new Set<string>();
  const waiting = new Set<string>();
  const raised: TopicEvent[] = [];
  let applied = 0;

  for (const tried of input.outcomes) {
    const key = parseMessageId(tried.message_id);
    if (key === null || !applyOutcome(connection, key, tried, input, changes)) continue;
    if (tried.outcome.kind === "sent") sending.add(key.campaignId);
    const event = statusEventOf(tried.message_id, tried.outcome, input.now);
    if (event === null) waiting.add(key.campaignId);
    else raised.push(event);
    applied += 1;
  }

  changes.write();
  for (const campaignId of sending) {
    connection.run("UPDATE campaign SET last_sent_at = ? WHERE _id = ?", input.now, campaignId);
  }
  for (const campaignId of waiting) raised.push(...reopen(connection, campaignId, input.now));
  return { result: { applied }, raised };
}

/**
 * A campaign that was complete, as far as anybody knew, goes on: a worker that was frozen for longer than its lease has said
 * that some of its messages surely did not go out.
 */
function reopen(connection: Connection, campaignId: string, now: Instant): TopicEvent[] {
  const status = connection.get("SELECT status FROM campaign WHERE _id = ?", campaignId)?.["status"];
  if (status !== "COMPLETED") return [];
  const moved = transition(status, "retry");
  if (moved.kind !== "moves") throw new Error("Messages of a COMPLETED campaign can be tried again");
  const set = "UPDATE campaign SET status = ?, completed_at = NULL, updated_at = ? WHERE _id = ?";
  connection.run(set, moved.to, now, campaignId);
  return [jobOf(campaignId, null)];
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
    changes.moved(key.campaignId, key.leadId, { status: "SENDING" }, { status: "SENT" });
    return true;
  }
  const row = connection.get(
    "SELECT status, code, worker, attempt FROM message WHERE campaign_id = ? AND lead_id = ?",
    key.campaignId,
    key.leadId,
  );
  if (row === undefined) return false;
  const status = text(row, "status") as MessageStatus;
  const stillTheWorkers = textOrNull(row, "worker") === worker && number(row, "attempt") === attempt;
  const next = afterOutcome({ status, stillTheWorkers }, outcome);
  if (next === null) return false;
  const from = { status, code: textOrNull(row, "code") };
  if (outcome.kind === "sent") {
    writeSent(connection, key, status, next, outcome.providerId, now);
    changes.moved(key.campaignId, key.leadId, from, { status: next, code: from.code });
    return true;
  }
  writeOutcome(connection, key, from, next, { attempt, outcome }, now, changes);
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
    `UPDATE message SET status = ?, provider_id = ?, sent_at = coalesce(sent_at, ?),
      settled_at = CASE ?1 WHEN 'FAILED' THEN settled_at END,
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

/** Moves a message for any other outcome; nothing of a campaign that has ended waits for another try. */
export function writeOutcome(
  connection: Connection,
  key: MessageKey,
  from: Place,
  planned: MessageStatus,
  { attempt, outcome }: { attempt: number; outcome: Exclude<SendOutcome, { kind: "sent" }> },
  now: Instant,
  changes: CountChanges,
): void {
  if ("code" in outcome && outcome.kind !== "deferred") {
    noteMessageEvent(connection, key, {
      at: now,
      status: NOTED_AS[outcome.kind],
      attempt,
      code: outcome.code,
      reason: outcome.reason,
    });
  }
  const ending = planned === "PENDING" ? endingOfCampaign(connection, key.campaignId, now) : null;
  const written = ending === null ? rowAfter(planned, outcome) : { ...NOTHING_KNOWN, ...ending };
  connection.run(
    `UPDATE message SET status = ?, code = ?, reason = ?, retryable = ?, settled_at = ?, due_at = ?, attempt = attempt - ?,
      sending_at = CASE WHEN ? THEN sending_at END
     WHERE campaign_id = ? AND lead_id = ?`,
    written.status,
    written.code,
    written.reason,
    written.retryable,
    written.status === "PENDING" ? null : now,
    written.dueAt,
    outcome.kind === "released" || outcome.kind === "deferred" ? 1 : 0,
    written.status === "FAILED" || written.status === "UNCERTAIN" ? 1 : 0,
    key.campaignId,
    key.leadId,
  );
  changes.moved(key.campaignId, key.leadId, from, written);
}

const NOTED_AS = { failed: "FAILED", retry: "PENDING", uncertain: "UNCERTAIN" } as const;
const NOTHING_KNOWN = { code: null, reason: null, retryable: null, dueAt: null };

function rowAfter(status: MessageStatus, outcome: Exclude<SendOutcome, { kind: "sent" }>) {
  switch (outcome.kind) {
    case "failed":
      return { ...NOTHING_KNOWN, status, code: outcome.code, reason: outcome.reason, retryable: 0 };
    case "retry":
      return { status, code: outcome.code, reason: outcome.reason, retryable: 1, dueAt: outcome.dueAt };
    case "deferred":
      return { ...NOTHING_KNOWN, status, code: outcome.code, reason: outcome.reason, dueAt: outcome.dueAt };
    case "uncertain":
      return { ...NOTHING_KNOWN, status, code: outcome.code, reason: outcome.reason };
    case "skipped":
      return { ...NOTHING_KNOWN, status, code: outcome.reason, reason: outcome.detail };
    case "released":
      return { ...NOTHING_KNOWN, status };
    default:
      return unreachable(outcome);
  }
}

function endingOfCampaign(connection: Connection, campaignId: string, now: Instant): ReturnType<typeof endingOf> {
  const campaign = readCampaign(connection, campaignId);
  return campaign === null ? null : endingOf(campaign, now);
}
