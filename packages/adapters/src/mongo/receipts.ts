/** Owns the step `fold`: what became known of messages is applied to them, and campaigns that are done complete. */
import { isComplete } from "@mini-crm/core/campaign/campaign";
import type { Input, Stepped } from "@mini-crm/core/event/raised";
import type { StatusEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { lastRetry } from "@mini-crm/core/message/history";
import { parseMessageId } from "@mini-crm/core/message/message";
import { isOvertaken, isReceipt, receiptFields } from "@mini-crm/core/message/receipt";
import type { StepResult } from "@mini-crm/core/ports/steps";
import { noteCampaign } from "./activity.ts";
import { readCampaigns } from "./campaigns.ts";
import { type CountChanges, countChanges } from "./counters.ts";
import { applyDirectReceipt } from "./direct-messages.ts";
import { campaignLock, lock } from "./locks.ts";
import { type MessageChanges, readMessages } from "./message-changes.ts";
import type { Tables } from "./tables.ts";

export async function fold(tables: Tables, input: Input<"fold">): Promise<Stepped<StepResult<"fold">>> {
  const changes = countChanges(tables);
  const touched = new Set(input.campaigns);
  const messages = await readMessages(
    tables,
    input.receipts.map(({ message_id }) => message_id),
  );
  let moved = 0;
  for (const receipt of input.receipts) {
    const key = parseMessageId(receipt.message_id);
    if (key === null) {
      await applyDirectReceipt(tables, receipt);
      continue;
    }
    touched.add(key.campaignId);
    if (applyReceipt(messages, receipt, changes)) moved += 1;
  }
  await messages.write();
  await changes.write();
  return { result: { moved, completed: await completeThoseDone(tables, touched, input) }, raised: [] };
}

/** Moves one message as `afterReceipt` says, and notes the time; true where its status is another one now. */
function applyReceipt(messages: MessageChanges, event: StatusEvent, changes: CountChanges): boolean {
  const message = messages.get(event.message_id);
  if (message === undefined || !isReceipt(event) || isOvertaken(event, lastRetry(message.events ?? []))) return false;
  const { status, code, campaign_id, lead_id, attempt } = message;
  const fields = receiptFields(message, event);
  const hasMoved = fields.status !== status;
  messages.change(message, fields, hasMoved && fields.status === "FAILED" ? { ...event, attempt } : null);
  if (hasMoved) changes.moved(campaign_id, lead_id, { status, code }, { status: fields.status, code: fields.code });
  return hasMoved;
}

/**
 * Completes those of the campaigns that have reached everyone they will reach; answers which. Of two transactions that settle a
 * campaign's last messages side by side neither sees the other, and the next `recover` completes it.
 */
export async function completeThoseDone(
  tables: Tables,
  campaignIds: Iterable<string>,
  at: { now: Instant; receiptWindowMs: number },
): Promise<string[]> {
  const completed: string[] = [];
  for (const campaign of await readCampaigns(tables, { _id: { $in: [...campaignIds] } })) {
    const { _id: id } = campaign;
    if (!isComplete(campaign, at.now, at.receiptWindowMs)) continue;
    // Somebody may have some of it tried again at this moment.
    await lock(tables, campaignLock(id));
    await tables.campaign.update({ _id: id }, { $set: { status: "COMPLETED", completed_at: at.now, updated_at: at.now } });
    await noteCampaign(tables, "campaign.completed", id, at.now);
    completed.push(id);
  }
  return completed;
}
