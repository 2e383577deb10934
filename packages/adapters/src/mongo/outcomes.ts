/** Owns the step `record`: what came of tries is written to their messages. */
import { type Campaign, type Ending, endingOf } from "@mini-crm/core/campaign/campaign";
import { transition } from "@mini-crm/core/campaign/lifecycle";
import { type Input, jobOf, type Stepped } from "@mini-crm/core/event/raised";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import type { MessageStatus } from "@mini-crm/core/message/message";
import { afterOutcome, eventOfOutcome, sentFields, type Unsent, unsentFields } from "@mini-crm/core/message/outcome";
import { recordEach } from "@mini-crm/core/message/record";
import type { AttemptOutcome, StepResult } from "@mini-crm/core/ports/steps";
import { noteCampaign } from "./activity.ts";
import { readCampaign } from "./campaigns.ts";
import { type CountChanges, countChanges } from "./counters.ts";
import type { MessageDocument } from "./documents.ts";
import { campaignLock, lock } from "./locks.ts";
import { type MessageChanges, readMessages } from "./message-changes.ts";
import type { Tables } from "./tables.ts";

export async function record(tables: Tables, input: Input<"record">): Promise<Stepped<StepResult<"record">>> {
  const messages = await readMessages(
    tables,
    input.outcomes.map(({ message_id }) => message_id),
  );
  const applying: Applying = {
    input,
    messages,
    endings: await endingsOf(tables, input, messages),
    changes: countChanges(tables),
  };
  const { applied, raised, sending, waiting, unsent } = recordEach(input, (_, tried) => applyOutcome(applying, tried));
  // Whoever ends or completes such a campaign at this moment has not seen that somebody waits again.
  for (const campaignId of waiting) await lock(tables, campaignLock(campaignId));
  for (const campaignId of sending) applying.changes.sent(campaignId, input.now);
  await messages.write();
  await applying.changes.write();
  for (const [campaignId, isNews] of unsent) raised.push(...(await looksFor(tables, campaignId, isNews, input.now)));
  return { result: { applied }, raised };
}

interface Applying {
  input: Input<"record">;
  messages: MessageChanges;
  /** Of those campaigns that have ended by now. */
  endings: ReadonlyMap<string, Ending>;
  changes: CountChanges;
}

async function endingsOf(
  tables: Tables,
  { outcomes, now }: Input<"record">,
  messages: MessageChanges,
): Promise<Map<string, Ending>> {
  const ids = new Set<string>();
  for (const { message_id, outcome } of outcomes) {
    const message = messages.get(message_id);
    if (message !== undefined && outcome.kind !== "sent") ids.add(message.campaign_id);
  }
  if (ids.size === 0) return new Map();
  const campaigns = await tables.campaign.find({ _id: { $in: [...ids] } }, { projection: { status: 1, options: 1 } });
  const endings = new Map<string, Ending>();
  for (const campaign of campaigns) {
    const ending = endingOf(campaign, now);
    if (ending !== null) endings.set(campaign._id, ending);
  }
  return endings;
}

/** Moves one message as `afterOutcome` says; null where that changes nothing. */
function applyOutcome(
  { input: { worker, now }, messages, endings, changes }: Applying,
  { message_id, attempt, outcome }: AttemptOutcome,
): { from: MessageStatus; to: MessageStatus } | null {
  const message = messages.get(message_id);
  if (message === undefined) return null;
  const { status: from, campaign_id, lead_id } = message;
  const stillTheWorkers = message.worker === worker && message.attempt === attempt;
  const next = afterOutcome({ status: from, stillTheWorkers }, outcome);
  if (next === null) return null;
  if (outcome.kind !== "sent") {
    const ending = endings.get(campaign_id) ?? null;
    return { from, to: changeUnsent(messages, message, next, { outcome, ending, now }, changes) };
  }
  const { code = null } = message;
  changes.moved(campaign_id, lead_id, { status: from, code }, { status: next, code });
  messages.change(message, sentFields(message, next, outcome.providerId, now));
  return { from, to: next };
}

/** Moves a message for any other outcome; one that would wait takes its campaign's `ending`. Answers where it is now. */
export function changeUnsent(
  messages: MessageChanges,
  message: MessageDocument,
  planned: MessageStatus,
  { outcome, ending, now }: { outcome: Unsent; ending: Ending | null; now: Instant },
  changes: CountChanges,
): MessageStatus {
  const { campaign_id, lead_id, status, code, attempt, sending_at = null } = message;
  const fields = unsentFields({ attempt, sending_at }, planned, outcome, ending, now);
  changes.moved(campaign_id, lead_id, { status, code }, fields);
  messages.change(message, fields, eventOfOutcome(outcome, attempt, now));
  return fields.status;
}

/**
 * The sender looks at what comes back by itself. Beyond that, whoever was skipped leaves room in a canary for others that nobody
 * looks at any more; and a worker that was frozen may say of messages that were uncertain that they surely did not go out.
 */
async function looksFor(tables: Tables, campaignId: string, isNews: boolean, now: Instant): Promise<TopicEvent[]> {
  const campaign = await readCampaign(tables, campaignId);
  if (campaign === null || campaign.counts.PENDING === 0) return [];
  if (campaign.status === "COMPLETED") await reopen(tables, campaign, now);
  return isNews || campaign.canary_phase === "sending" ? [jobOf(campaignId, null)] : [];
}

/** A campaign that was complete, as far as anybody knew, has something to do again. */
export async function reopen(tables: Tables, { _id, status }: Campaign, now: Instant): Promise<void> {
  const moved = transition(status, "retry");
  if (moved.kind !== "moves") throw new Error("Messages of a campaign that refuses it are tried again");
  // Whoever completes it at this moment has not seen what is to be done.
  await lock(tables, campaignLock(_id));
  await tables.campaign.update({ _id }, { $set: { status: moved.to, completed_at: null, updated_at: now } });
  if (moved.to !== status) await noteCampaign(tables, "campaign.resumed", _id, now);
}
