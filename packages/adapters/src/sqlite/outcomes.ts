/** Owns the step `record`: what came of tries is written to their messages. */
import { type Campaign, type Ending, endingOf } from "@mini-crm/core/campaign/campaign";
import { transition } from "@mini-crm/core/campaign/lifecycle";
import type { Place } from "@mini-crm/core/campaign/place";
import { type Input, jobOf, type MessageKey, type Stepped } from "@mini-crm/core/event/raised";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import type { MessageStatus } from "@mini-crm/core/message/message";
import { afterOutcome, eventOfOutcome, type Unsent, unsentFields } from "@mini-crm/core/message/outcome";
import { recordEach } from "@mini-crm/core/message/record";
import type { AttemptOutcome, StepResult } from "@mini-crm/core/ports/steps";
import { noteCampaign } from "./activity.ts";
import { readCampaign } from "./campaigns.ts";
import { type Connection, number, numberOrNull, text, textOrNull } from "./connection.ts";
import { type CountChanges, countChanges } from "./counters.ts";
import { noteMessageEvent } from "./message-events.ts";

export function record(connection: Connection, input: Input<"record">): Stepped<StepResult<"record">> {
  const changes = countChanges(connection);
  const endingOfEach = endings(connection, input.now);
  const { applied, raised, sending, unsent } = recordEach(input, (key, tried) =>
    applyOutcome(connection, key, tried, input, changes, endingOfEach),
  );
  changes.write();
  for (const campaignId of sending) {
    connection.run("UPDATE campaign SET last_sent_at = ? WHERE _id = ?", input.now, campaignId);
  }
  for (const [campaignId, isNews] of unsent) raised.push(...looksFor(connection, campaignId, isNews, input.now));
  return { result: { applied }, raised };
}

/**
 * The sender looks at what comes back by itself. Beyond that, whoever was skipped leaves room in a canary for others that nobody
 * looks at any more; and a worker that was frozen may say of messages that were uncertain that they surely did not go out.
 */
function looksFor(connection: Connection, campaignId: string, isNews: boolean, now: Instant): TopicEvent[] {
  const campaign = readCampaign(connection, campaignId);
  if (campaign === null || campaign.counts.PENDING === 0) return [];
  if (campaign.status === "COMPLETED") reopen(connection, campaign, now);
  return isNews || campaign.canary_phase === "sending" ? [jobOf(campaignId, null)] : [];
}

/** A campaign that was complete, as far as anybody knew, has something to do again. */
export function reopen(connection: Connection, { _id, status }: Campaign, now: Instant): void {
  const moved = transition(status, "retry");
  if (moved.kind !== "moves") throw new Error("Messages of a campaign that refuses it are tried again");
  connection.run("UPDATE campaign SET status = ?, completed_at = NULL, updated_at = ? WHERE _id = ?", moved.to, now, _id);
  if (moved.to !== status) noteCampaign(connection, "campaign.resumed", _id, now);
}

/** Moves one message as `afterOutcome` says; null where that changes nothing. */
function applyOutcome(
  connection: Connection,
  key: MessageKey,
  { attempt, outcome }: AttemptOutcome,
  { worker, now }: Input<"record">,
  changes: CountChanges,
  endingOfEach: Endings,
): { from: MessageStatus; to: MessageStatus } | null {
  // Nearly every outcome is this one, and needs no look at the row before.
  if (outcome.kind === "sent" && writeSent(connection, key, "SENDING", "SENT", outcome.providerId, now)) {
    changes.moved(key.campaignId, key.leadId, { status: "SENDING" }, { status: "SENT" });
    return { from: "SENDING", to: "SENT" };
  }
  const row = connection.get(
    "SELECT status, code, worker, attempt, sending_at FROM message WHERE campaign_id = ? AND lead_id = ?",
    key.campaignId,
    key.leadId,
  );
  if (row === undefined) return null;
  const status = text(row, "status") as MessageStatus;
  const stillTheWorkers = textOrNull(row, "worker") === worker && number(row, "attempt") === attempt;
  const next = afterOutcome({ status, stillTheWorkers }, outcome);
  if (next === null) return null;
  const from = {
    status,
    code: textOrNull(row, "code"),
    attempt: number(row, "attempt"),
    sending_at: numberOrNull(row, "sending_at"),
  };
  if (outcome.kind === "sent") {
    writeSent(connection, key, status, next, outcome.providerId, now);
    changes.moved(key.campaignId, key.leadId, from, { status: next, code: from.code });
    return { from: status, to: next };
  }
  const ending = next === "PENDING" ? endingOfEach(key.campaignId) : null;
  return { from: status, to: writeUnsent(connection, key, from, next, { outcome, ending, now }, changes) };
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
    `UPDATE message SET status = ?, provider_id = ?, sent_at = coalesce(sent_at, ?), due_at = NULL,
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

type Endings = (campaignId: string) => Ending | null;

/** How each campaign has ended by now, looked up once: a whole claim may come back. */
function endings(connection: Connection, now: Instant): Endings {
  const known = new Map<string, Ending | null>();
  return (campaignId) => {
    const found = known.get(campaignId);
    if (found !== undefined) return found;
    const campaign = readCampaign(connection, campaignId);
    const ending = campaign === null ? null : endingOf(campaign, now);
    known.set(campaignId, ending);
    return ending;
  };
}

/** Moves a message for any other outcome; one that would wait takes its campaign's `ending`. Answers where it is now. */
export function writeUnsent(
  connection: Connection,
  key: MessageKey,
  from: Place & { attempt: number; sending_at: Instant | null },
  planned: MessageStatus,
  { outcome, ending, now }: { outcome: Unsent; ending: Ending | null; now: Instant },
  changes: CountChanges,
): MessageStatus {
  const event = eventOfOutcome(outcome, from.attempt, now);
  if (event !== null) noteMessageEvent(connection, key, event);
  const written = unsentFields(from, planned, outcome, ending, now);
  connection.run(
    `UPDATE message SET status = ?, code = ?, reason = ?, retryable = ?, settled_at = ?, due_at = ?, attempt = ?, sending_at = ?
     WHERE campaign_id = ? AND lead_id = ?`,
    written.status,
    written.code,
    written.reason,
    written.retryable === null ? null : Number(written.retryable),
    written.settled_at,
    written.due_at,
    written.attempt,
    written.sending_at,
    key.campaignId,
    key.leadId,
  );
  changes.moved(key.campaignId, key.leadId, from, written);
  return written.status;
}
