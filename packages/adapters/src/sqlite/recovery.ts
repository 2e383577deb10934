/** Owns the step `recover`: what only time changes is put right. */
import { type Input, type Stepped, statusEventOf } from "@mini-crm/core/event/raised";
import { type Spans, spansOfReady } from "@mini-crm/core/event/spans";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import { messageId } from "@mini-crm/core/message/message";
import { LEASE_EXPIRED } from "@mini-crm/core/message/outcome";
import type { StepResult } from "@mini-crm/core/ports/steps";
import { noteProgress } from "./activity.ts";
import { lookAtCampaigns } from "./autopilot.ts";
import { type Connection, number, numberOrNull, type Row, text } from "./connection.ts";
import { type CountChanges, countChanges } from "./counters.ts";
import { endDirect } from "./direct-messages.ts";
import { writeUnsent } from "./outcomes.ts";
import { completeThoseDone } from "./receipts.ts";

export function recover(connection: Connection, input: Input<"recover">): Stepped<StepResult<"recover">> {
  const changes = countChanges(connection);
  const spans = spansOfReady();
  const raised: TopicEvent[] = [];
  const { freed, uncertain } = endClaims(connection, input, changes, spans, raised);
  const due = wakeDue(connection, input, changes, spans);
  changes.write();
  endDirect(connection, input.now);
  const running = runningCampaigns(connection);
  for (const campaign of running) {
    const look = spans.lookAt(campaign);
    if (look !== null) raised.push(look);
  }
  raised.push(...lookAtCampaigns(connection, input));
  const runningIds = running.map(({ _id }) => _id);
  const completed = completeThoseDone(connection, runningIds, input);
  noteProgress(connection, input.now);
  return { result: { freed, uncertain, due, completed }, raised };
}

function runningCampaigns(connection: Connection): { _id: string; channel_id: string }[] {
  const rows = connection.all("SELECT _id, channel_id FROM campaign WHERE status = 'RUNNING'");
  return rows.map((row) => ({ _id: text(row, "_id"), channel_id: text(row, "channel_id") }));
}

/**
 * What becomes of messages whose claim has expired, unless their worker has claimed them again since. CLAIMED -> PENDING: nothing
 * has gone out. SENDING -> UNCERTAIN: it may have.
 */
function endClaims(
  connection: Connection,
  { now }: Input<"recover">,
  changes: CountChanges,
  spans: Spans,
  raised: TopicEvent[],
): { freed: number; uncertain: number } {
  const ended = { freed: 0, uncertain: 0 };
  for (const row of expired(connection, now)) {
    const [campaignId, leadId] = [text(row, "campaign_id"), text(row, "lead_id")];
    if (text(row, "status") === "CLAIMED") {
      connection.run(
        "UPDATE message SET status = 'PENDING', code = NULL, reason = NULL WHERE campaign_id = ? AND lead_id = ?",
        campaignId,
        leadId,
      );
      changes.moved(campaignId, leadId, { status: "CLAIMED" }, { status: "PENDING" });
      spans.add(campaignId, leadId);
      ended.freed += 1;
      continue;
    }
    const from = { status: "SENDING", attempt: number(row, "attempt"), sending_at: numberOrNull(row, "sending_at") } as const;
    const expiry = { outcome: LEASE_EXPIRED, ending: null, now };
    writeUnsent(connection, { campaignId, leadId }, from, "UNCERTAIN", expiry, changes);
    const event = statusEventOf(messageId(campaignId, leadId), LEASE_EXPIRED, now);
    if (event !== null) raised.push(event);
    ended.uncertain += 1;
  }
  connection.run("DELETE FROM claim WHERE until <= ?", now);
  return ended;
}

function expired(connection: Connection, now: number): Row[] {
  return connection.all(
    `SELECT DISTINCT m.campaign_id, m.lead_id, m.status, m.attempt, m.sending_at FROM claim AS c CROSS JOIN message AS m
       ON m.campaign_id = c.campaign_id AND m.lead_id >= c.first AND m.lead_id <= c.last
         AND m.status IN ('CLAIMED', 'SENDING') AND m.worker = c.worker
     WHERE c.until <= ? AND NOT EXISTS (
       SELECT 1 FROM claim AS later WHERE later.worker = c.worker AND later.campaign_id = c.campaign_id AND later.until > ?
         AND m.lead_id >= later.first AND m.lead_id <= later.last)`,
    now,
    now,
  );
}

/** Messages whose time has come, of campaigns that run, are ready again. */
function wakeDue(connection: Connection, { now, limit }: Input<"recover">, changes: CountChanges, spans: Spans): number {
  const rows = connection.all(
    `SELECT m.campaign_id, m.lead_id, m.code FROM campaign AS c CROSS JOIN message AS m ON m.campaign_id = c._id
     WHERE c.status = 'RUNNING' AND m.due_at <= ? AND m.status = 'PENDING' LIMIT ?`,
    now,
    limit,
  );
  for (const row of rows) {
    const [campaignId, leadId] = [text(row, "campaign_id"), text(row, "lead_id")];
    connection.run(
      "UPDATE message SET due_at = NULL, code = NULL, reason = NULL, retryable = NULL WHERE campaign_id = ? AND lead_id = ?",
      campaignId,
      leadId,
    );
    changes.moved(campaignId, leadId, { status: "PENDING", code: text(row, "code") }, { status: "PENDING" });
    spans.add(campaignId, leadId);
  }
  return rows.length;
}
