/** Owns the step `recover`: what only time changes is put right. */
import type { TopicEvent } from "@mini-crm/core/event/topics";
import { messageId } from "@mini-crm/core/message/message";
import type { SendOutcome } from "@mini-crm/core/message/outcome";
import type { StepResult } from "@mini-crm/core/ports/steps";
import { countChanges } from "./campaigns.ts";
import { type Connection, text } from "./connection.ts";
import { writeOutcome } from "./outcomes.ts";
import { type Input, type Stepped, statusEventOf, windowOf } from "./raised.ts";
import { completeThoseDone } from "./receipts.ts";

export function recover(connection: Connection, input: Input<"recover">): Stepped<StepResult<"recover">> {
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
    connection.run(
      "UPDATE message SET status = 'PENDING', wake_at = NULL WHERE campaign_id = ? AND lead_id = ?",
      campaignId,
      leadId,
    );
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
