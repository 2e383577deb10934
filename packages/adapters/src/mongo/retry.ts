/** Owns how messages that a person chose are tried again on MongoDB: the step `retry`, and the count that is shown before. */
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import type { Input, Stepped } from "@mini-crm/core/event/raised";
import type { Instant } from "@mini-crm/core/instant";
import { AFTER_ALL_LEADS } from "@mini-crm/core/lead/lead";
import { eventsOfRetry } from "@mini-crm/core/message/history";
import { messageId } from "@mini-crm/core/message/message";
import { countChosen, isChosen, reasonCounts, retryRefusal, sumOf } from "@mini-crm/core/message/retry";
import type { ReasonCount, RetryChoice, StepResult } from "@mini-crm/core/ports/steps";
import type { MessageStore } from "@mini-crm/core/ports/store";
import { readCampaign } from "./campaigns.ts";
import { countChanges, ledgerCounts, windowBehind, windowEnd, windowsWith } from "./counters.ts";
import type { MessageDocument } from "./documents.ts";
import { pushOf } from "./message-events.ts";
import { reopen } from "./outcomes.ts";
import { windowOf } from "./raised.ts";
import { SETTLED_INDEX } from "./schema.ts";
import type { Tables } from "./tables.ts";

type Retryable = Awaited<ReturnType<MessageStore["retryable"]>>;

/** What the step `retry` would have tried again now. The caller holds the moment: a transaction. */
export async function retryable(tables: Tables, campaignId: string, choice: RetryChoice, now: Instant): Promise<Retryable> {
  const campaign = await readCampaign(tables, campaignId);
  return campaign === null ? { kind: "not_found" } : counted(tables, campaign, choice, now);
}

async function counted(
  tables: Tables,
  campaign: Campaign,
  choice: RetryChoice,
  now: Instant,
): Promise<Exclude<Retryable, { kind: "not_found" }>> {
  const reason = retryRefusal(campaign, now);
  if (reason !== null) return { kind: "refused", reason };
  return { kind: "counted", counts: await countsOf(tables, campaign._id, choice) };
}

export async function retry(tables: Tables, input: Input<"retry">): Promise<Stepped<StepResult<"retry">>> {
  const campaign = await readCampaign(tables, input.campaign_id);
  if (campaign === null) return { result: { kind: "not_found" }, raised: [] };
  const found = await counted(tables, campaign, input.choice, input.now);
  if (found.kind === "refused") return { result: found, raised: [] };
  if (input.expected !== null && sumOf(found.counts) !== input.expected) {
    return { result: { kind: "changed", counts: found.counts }, raised: [] };
  }
  // One more than are tried again tells whether any are left.
  const chosen = await chosenMessages(tables, input.campaign_id, input.choice, input.after ?? "", input.limit + 1);
  const now = chosen.slice(0, input.limit);
  const last = now.at(-1);
  if (last === undefined) return { result: { kind: "retried", counts: [], next: null }, raised: [] };
  await tryAgain(tables, now, input.now);
  await reopen(tables, campaign, input.now);
  const look = await windowOf(tables, input.campaign_id, null, AFTER_ALL_LEADS, now.length);
  const next = chosen.length > now.length ? last.lead_id : null;
  return { result: { kind: "retried", counts: reasonCounts(now), next }, raised: look === null ? [] : [look] };
}

/** What a try leaves in a message, and its worker. */
const OF_A_TRY = {
  worker: "",
  code: "",
  reason: "",
  retryable: "",
  provider_id: "",
  sending_at: "",
  sent_at: "",
  delivered_at: "",
  read_at: "",
  settled_at: "",
} as const;

/** Whoever held a message holds it no more, so that of an earlier try only the fact that it was sent still counts. */
async function tryAgain(tables: Tables, messages: readonly MessageDocument[], now: Instant): Promise<void> {
  const changes = countChanges(tables);
  for (const message of messages) changes.moved(message.campaign_id, message.lead_id, message, { status: "PENDING" });
  await tables.message.write(
    messages.map((message) => ({
      updateOne: {
        filter: { _id: message._id },
        update: {
          $set: { status: "PENDING", tries_from: message.attempt },
          $unset: OF_A_TRY,
          $push: pushOf(...eventsOfRetry(message, now)),
        },
      },
    })),
  );
  await changes.write();
}

/** How many messages of a choice there are: from the counters, or where leads were named from their messages. */
async function countsOf(tables: Tables, campaignId: string, choice: RetryChoice): Promise<ReasonCount[]> {
  return choice.lead_ids === null
    ? countChosen(choice, await ledgerCounts(tables, campaignId))
    : reasonCounts(await chosenLeads(tables, campaignId, choice, choice.lead_ids, ""));
}

/** What trying again needs to know of messages: all but their longest parts. */
const WITHOUT_TEXT = { text: 0, events: 0 } as const;

/** The first `most` messages of a choice behind the lead `after`. */
async function chosenMessages(
  tables: Tables,
  campaignId: string,
  choice: RetryChoice,
  after: string,
  most: number,
): Promise<MessageDocument[]> {
  const { status, lead_ids } = choice;
  if (lead_ids !== null) return (await chosenLeads(tables, campaignId, choice, lead_ids, after)).slice(0, most);
  const messages: MessageDocument[] = [];
  const codes = countChosen(choice, await ledgerCounts(tables, campaignId)).map(({ code }) => code);
  const first = await windowBehind(tables, campaignId, after);
  for (const { window } of await windowsWith(tables, campaignId, { status, code: { $in: codes.map((code) => code ?? "") } })) {
    if (messages.length >= most) break;
    if (window < first) continue;
    const behind = after > window ? after : window;
    const found = await tables.message.find(
      {
        campaign_id: campaignId,
        status,
        lead_id: { $gt: behind, $lte: await windowEnd(tables, campaignId, window) },
        code: { $in: codes },
        settled_at: { $gt: 0 },
      },
      { sort: { lead_id: 1 }, limit: most - messages.length, projection: WITHOUT_TEXT, hint: SETTLED_INDEX },
    );
    messages.push(...found);
  }
  return messages;
}

/** The messages of a choice to leads that it names, behind the lead `after`. */
async function chosenLeads(
  tables: Tables,
  campaignId: string,
  choice: RetryChoice,
  leadIds: readonly string[],
  after: string,
): Promise<MessageDocument[]> {
  const ids = leadIds.filter((id) => id > after).map((id) => messageId(campaignId, id));
  const found = await tables.message.find({ _id: { $in: ids } }, { sort: { _id: 1 }, projection: WITHOUT_TEXT });
  return found.filter((message) => isChosen(choice, message));
}
