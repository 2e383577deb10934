/** Owns the step `recover`: what only time changes is put right. */
import { type Input, type Stepped, statusEventOf } from "@mini-crm/core/event/raised";
import { type Spans, spansOfReady } from "@mini-crm/core/event/spans";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { messageId } from "@mini-crm/core/message/message";
import { LEASE_EXPIRED } from "@mini-crm/core/message/outcome";
import type { StepResult } from "@mini-crm/core/ports/steps";
import { noteProgress } from "./activity.ts";
import { lookAtCampaigns } from "./autopilot.ts";
import { type CountChanges, countChanges, sumUp } from "./counters.ts";
import { endDirect } from "./direct-messages.ts";
import type { ClaimDocument, MessageDocument } from "./documents.ts";
import { ACTIVITIES, lock } from "./locks.ts";
import { changesOf } from "./message-changes.ts";
import { changeUnsent } from "./outcomes.ts";
import { sweepSends } from "./rate.ts";
import { completeThoseDone } from "./receipts.ts";
import { DUE_INDEX } from "./schema.ts";
import type { Tables } from "./tables.ts";

/** How many claims end, and how many changes of counters are summed up, in one transaction: the next one goes on. */
const MOST_CLAIMS = 200;
const MOST_CHANGES = 10_000;

export async function recover(tables: Tables, input: Input<"recover">): Promise<Stepped<StepResult<"recover">>> {
  // This takes long and notes something at its end: whoever noted something before that would have all of it begin anew.
  await lock(tables, ACTIVITIES);
  const changes = countChanges(tables);
  const spans = spansOfReady();
  const raised: TopicEvent[] = [];
  const { freed, uncertain } = await endClaims(tables, input.now, changes, spans, raised);
  const running = await tables.campaign.find({ status: "RUNNING" }, { projection: { channel_id: 1 } });
  const runningIds = running.map(({ _id }) => _id);
  const due = await wakeDue(tables, runningIds, input, changes, spans);
  await changes.write();
  await endDirect(tables, input.now);
  await sweepSends(tables, input.now);
  for (const campaign of running) {
    const look = spans.lookAt(campaign);
    if (look !== null) raised.push(look);
  }
  raised.push(...(await lookAtCampaigns(tables, input)));
  const completed = await completeThoseDone(tables, runningIds, input);
  await noteProgress(tables, await sumUp(tables, MOST_CHANGES), input.now);
  return { result: { freed, uncertain, due, completed }, raised };
}

/**
 * What becomes of messages whose claim has expired, unless their worker has claimed them again since. CLAIMED -> PENDING: nothing
 * has gone out. SENDING -> UNCERTAIN: it may have.
 */
async function endClaims(
  tables: Tables,
  now: Instant,
  changes: CountChanges,
  spans: Spans,
  raised: TopicEvent[],
): Promise<{ freed: number; uncertain: number }> {
  const claims = await tables.claim.find({ until: { $lte: now } }, { sort: { until: 1 }, limit: MOST_CLAIMS });
  const ended = { freed: 0, uncertain: 0 };
  if (claims.length === 0) return ended;
  const held = await heldBy(tables, claims, now);
  const messages = changesOf(tables, held);
  for (const message of held) {
    const { campaign_id, lead_id } = message;
    if (message.status === "CLAIMED") {
      messages.change(message, { status: "PENDING", code: null, reason: null });
      changes.moved(campaign_id, lead_id, { status: "CLAIMED" }, { status: "PENDING" });
      spans.add(campaign_id, lead_id);
      ended.freed += 1;
      continue;
    }
    changeUnsent(messages, message, "UNCERTAIN", { outcome: LEASE_EXPIRED, ending: null, now }, changes);
    const event = statusEventOf(message._id, LEASE_EXPIRED, now);
    if (event !== null) raised.push(event);
    ended.uncertain += 1;
  }
  await messages.write();
  await tables.claim.remove({ _id: { $in: claims.map(({ _id }) => _id) } });
  return ended;
}

/** The messages that the workers of expired claims still hold, each once. */
async function heldBy(tables: Tables, claims: readonly ClaimDocument[], now: Instant): Promise<MessageDocument[]> {
  const workers = [...new Set(claims.map(({ worker }) => worker))];
  const later = await tables.claim.find({ worker: { $in: workers }, until: { $gt: now } });
  const held = new Map<string, MessageDocument>();
  for (const { worker, campaign_id, first, last } of claims) {
    const messages = await tables.message.find(
      {
        _id: { $gte: messageId(campaign_id, first), $lte: messageId(campaign_id, last) },
        status: { $in: ["CLAIMED", "SENDING"] },
        worker,
      },
      { projection: { campaign_id: 1, lead_id: 1, status: 1, worker: 1, attempt: 1, sending_at: 1 } },
    );
    const ofWorker = later.filter((claim) => claim.worker === worker && claim.campaign_id === campaign_id);
    for (const message of messages) {
      const { _id, lead_id } = message;
      if (!ofWorker.some((claim) => lead_id >= claim.first && lead_id <= claim.last)) held.set(_id, message);
    }
  }
  return [...held.values()];
}

/** Messages whose time has come, of campaigns that run, are ready again. Only PENDING ones have such a time. */
async function wakeDue(
  tables: Tables,
  running: readonly string[],
  { now, limit }: Input<"recover">,
  changes: CountChanges,
  spans: Spans,
): Promise<number> {
  const due: MessageDocument[] = [];
  for (const campaign_id of running) {
    if (due.length >= limit) break;
    const found = await tables.message.find(
      { campaign_id, due_at: { $gt: 0, $lte: now } },
      { limit: limit - due.length, projection: { campaign_id: 1, lead_id: 1, status: 1, code: 1 }, hint: DUE_INDEX },
    );
    due.push(...found);
  }
  const messages = changesOf(tables, due);
  for (const message of due) {
    const { campaign_id, lead_id, code } = message;
    changes.moved(campaign_id, lead_id, { status: "PENDING", code }, { status: "PENDING" });
    messages.change(message, { status: "PENDING", due_at: null, code: null, reason: null, retryable: null });
    spans.add(campaign_id, lead_id);
  }
  await messages.write();
  return due.length;
}
