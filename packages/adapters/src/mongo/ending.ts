/** Owns how the rest of a campaign that is cancelled or has expired ends: a window of leads at a time. */
import type { Campaign, Ending } from "@mini-crm/core/campaign/campaign";
import { transition } from "@mini-crm/core/campaign/lifecycle";
import { type Input, jobOf, type Stepped } from "@mini-crm/core/event/raised";
import type { Instant } from "@mini-crm/core/instant";
import type { MessageStatus } from "@mini-crm/core/message/message";
import type { StepResult } from "@mini-crm/core/ports/steps";
import { writeCampaign } from "./campaigns.ts";
import { countChanges, idsBetween, windowEnd, windowsWith } from "./counters.ts";
import { completeThoseDone } from "./receipts.ts";
import type { Tables } from "./tables.ts";

const NOT_OUT: { $in: MessageStatus[] } = { $in: ["PENDING", "CLAIMED"] };

/** Ends the messages of the next window that have not gone out, and raises the job for those after it. */
export async function endNext(
  tables: Tables,
  campaign: Campaign,
  ending: Ending,
  input: Input<"expand">,
): Promise<Stepped<StepResult<"expand">>> {
  // Who has no message yet gets none: the audience is whoever was written down.
  await writeCampaign(tables, campaign._id, { expanded: true });
  const windows = await windowsWith(tables, campaign._id, { status: NOT_OUT });
  const next = windows.find(({ window }) => window >= (input.after ?? ""));
  if (next === undefined) {
    // There is nothing left for a pause to hold back.
    const resumed = transition(campaign.status, "resume");
    if (resumed.kind === "moves") await writeCampaign(tables, campaign._id, { status: resumed.to, hold: null });
    await completeThoseDone(tables, [campaign._id], { now: input.now, receiptWindowMs: Number.POSITIVE_INFINITY });
    return { result: { kind: "ended", messages: 0 }, raised: [] };
  }
  const end = await windowEnd(tables, campaign._id, next.window);
  const messages = await endWindow(tables, campaign._id, { window: next.window, end }, ending, input.now);
  return { result: { kind: "ended", messages }, raised: [jobOf(campaign._id, end)] };
}

async function endWindow(
  tables: Tables,
  campaignId: string,
  { window, end }: { window: string; end: string },
  ending: Ending,
  now: Instant,
): Promise<number> {
  const left = { _id: idsBetween(campaignId, window, end), status: NOT_OUT };
  const places = await tables.message.aggregate<{ _id: { status: MessageStatus; code?: string | null }; messages: number }>([
    { $match: left },
    { $group: { _id: { status: "$status", code: "$code" }, messages: { $sum: 1 } } },
  ]);
  const changes = countChanges(tables);
  for (const { _id, messages } of places) changes.movedMany(campaignId, window, _id, ending, messages);
  await changes.write();
  return tables.message.update(left, {
    $set: { code: null, reason: null, ...ending, due_at: null, retryable: null, settled_at: now },
  });
}
