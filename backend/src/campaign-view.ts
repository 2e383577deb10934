/** Owns what is found out of a campaign when it is shown: whom it would reach, what it waits for, how fast it goes, when it ends. */
import { type Campaign, isFinished } from "@mini-crm/core/campaign/campaign";
import { estimatedDoneAt } from "@mini-crm/core/campaign/forecast";
import { type Circumstances, waitingFor } from "@mini-crm/core/campaign/waiting";
import { channelAmong } from "@mini-crm/core/channel/channel-sign";
import type { Instant } from "@mini-crm/core/instant";
import type { ProcessDetail } from "@mini-crm/core/ports/store";
import type { CampaignJson } from "@mini-crm/wire/campaign";
import type { BackendDeps } from "./deps.ts";
import { livingWorkers } from "./living-workers.ts";
import { campaignJson, NOT_UNDER_WAY } from "./present/campaign.ts";

type ViewDeps = Pick<BackendDeps, "store" | "clock" | "receiptWindowMs">;

const MINUTE_MS = 60_000;

/**
 * Returns how to show campaigns as they are now. What several have in common is looked up once: each segment's size, the signs of
 * the workers.
 */
export function campaignView(deps: ViewDeps): (campaign: Campaign) => Promise<CampaignJson> {
  const now = deps.clock.now();
  const audience = draftAudiences(deps, now);
  let workers: Promise<ProcessDetail[]> | null = null;
  return async (known) => {
    const campaign = await audience(known);
    if (campaign.status === "DRAFT" || isFinished(campaign.status)) return campaignJson(campaign, NOT_UNDER_WAY);
    workers ??= livingWorkers(deps);
    const circumstances = await circumstancesOf(deps, campaign, await workers, now);
    return campaignJson(campaign, {
      waitingFor: waitingFor(circumstances),
      ratePerMinute: circumstances.sentLastMinute,
      estimatedDoneAt: estimatedDoneAt(circumstances),
    });
  };
}

async function circumstancesOf(
  { store, receiptWindowMs }: ViewDeps,
  campaign: Campaign,
  workers: readonly ProcessDetail[],
  now: Instant,
): Promise<Circumstances> {
  const channels = workers.flatMap(({ channels: signs }) => signs);
  const channel = channelAmong(channels, campaign.channel_id);
  const { rate = null, recipientsPerDay = null } = channel?.limits ?? {};
  const [use, recipientUse, counts, due, ahead, sentLastMinute] = await Promise.all([
    rate === null ? null : store.messages.rateUse(campaign.channel_id, rate, now),
    recipientsPerDay === null ? null : store.contacts.recipientUse(campaign.channel_id, now),
    store.messages.counts(campaign._id),
    store.messages.nextDue(campaign._id),
    store.messages.ahead(campaign._id, now),
    store.messages.sentSince(campaign._id, now - MINUTE_MS),
  ]);
  const ready = counts.find(({ status, code }) => status === "PENDING" && code === null)?.messages ?? 0;
  const workersRun = workers.some(({ stages }) => stages["sendWorker"] === "running");
  return { campaign, workersRun, channel, use, recipientUse, ready, due, ahead, sentLastMinute, receiptWindowMs, now };
}

/** Returns how to bring a campaign's `expected` up to date: of one that was never run it is what its segment has now. */
export function draftAudiences({ store }: Pick<ViewDeps, "store">, now: Instant): (campaign: Campaign) => Promise<Campaign> {
  const counts = new Map<string, number>();
  return async (campaign) => {
    if (campaign.frozen !== null) return campaign;
    let expected = counts.get(campaign.segment_id);
    if (expected === undefined) {
      const segment = await store.segments.read(campaign.segment_id);
      if (segment === null) return campaign;
      expected = await store.segments.count(segment.rule_ast, now);
      counts.set(campaign.segment_id, expected);
    }
    return { ...campaign, expected };
  };
}
