/** Owns the step `recover`: what only time changes is put right. */
import type { TopicEvent } from "@mini-crm/core/event/topics";
import { messageId } from "@mini-crm/core/message/message";
import { LEASE_EXPIRED } from "@mini-crm/core/message/outcome";
import type { StepResult } from "@mini-crm/core/ports/steps";
import { noteProgress } from "./activity.ts";
import { lookAtCampaigns } from "./autopilot.ts";
import { type Connection, number, type Row, text } from "./connection.ts";
import { type CountChanges, countChanges } from "./counters.ts";
import { writeOutcome } from "./outcomes.ts";
import { type Input, type Stepped, statusEventOf, windowOf } from "./raised.ts";
import { completeThoseDone } from "./receipts.ts";
import { endTests } from "./test-messages.ts";

export function recover(connection: Connection, input: Input<"recover">): Stepped<StepResult<"recover">> {
  const changes = countChanges(connection);
  const spans = spanList();
  const raised: TopicEvent[] = [];
  const { freed, uncertain } = endClaims(connection, input, changes, spans, raised);
  const due = wakeDue(connection, input, changes, spans);
  changes.write();
  endTests(connection, input.now);
  for (const { campaignId, first, last, messages } of spans.all()) {
    const window = windowOf(connection, campaignId, justBefore(first), last, messages);
    if (window !== null) raised.push(window);
  }
  raised.push(...lookAtCampaigns(connection, input));
  const running = connection.all("SELECT _id FROM campaign WHERE status = 'RUNNING'").map((row) => text(row, "_id"));
  const completed = completeThoseDone(connection, running, input);
  noteProgress(connection, input.now);
  return { result: { freed, uncertain, due, completed }, raised };
}

/**
 * What becomes of messages whose claim has expired, unless their worker has claimed them again since. CLAIMED -> PENDING: nothing
 * has gone out. SENDING -> UNCERTAIN: it may have.
 */
function endClaims(
  connection: Connection,
  { now }: Input<"recover">,
  changes: CountChanges,
  spans: SpanList,
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
    const tried = { attempt: number(row, "attempt"), outcome: LEASE_EXPIRED, ending: null };
    writeOutcome(connection, { campaignId, leadId }, { status: "SENDING" }, "UNCERTAIN", tried, now, changes);
    const event = statusEventOf(messageId(campaignId, leadId), LEASE_EXPIRED, now);
    if (event !== null) raised.push(event);
    ended.uncertain += 1;
  }
  connection.run("DELETE FROM claim WHERE until <= ?", now);
  return ended;
}

function expired(connection: Connection, now: number): Row[] {
  return connection.all(
    `SELECT DISTINCT m.campaign_id, m.lead_id, m.status, m.attempt FROM claim AS c CROSS JOIN message AS m
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
function wakeDue(connection: Connection, { now, limit }: Input<"recover">, changes: CountChanges, spans: SpanList): number {
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

/** Between which leads each campaign has messages to look at again. */
interface Span {
  campaignId: string;
  first: string;
  last: string;
  messages: number;
}

interface SpanList {
  add(campaignId: string, leadId: string): void;
  all(): Iterable<Span>;
}

function spanList(): SpanList {
  const spans = new Map<string, Span>();
  return {
    add(campaignId, leadId) {
      const span = spans.get(campaignId) ?? { campaignId, first: leadId, last: leadId, messages: 0 };
      if (leadId < span.first) span.first = leadId;
      if (leadId > span.last) span.last = leadId;
      span.messages += 1;
      spans.set(campaignId, span);
    },
    all: () => spans.values(),
  };
}

/** A bound that `leadId` lies after, while no lead that matters lies in between: its own beginning. */
function justBefore(leadId: string): string {
  return leadId.slice(0, -1);
}
