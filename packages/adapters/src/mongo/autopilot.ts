/** Owns what the step `recover` sees to in running campaigns: those that have expired, and the autopilot. */
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { alarmOf, type DueLook, dueLook } from "@mini-crm/core/campaign/canary";
import { type Input, jobOf } from "@mini-crm/core/event/raised";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { readCampaigns, writeCampaign } from "./campaigns.ts";
import { hold } from "./steering.ts";
import type { Tables } from "./tables.ts";

/** Answers the jobs of campaigns that end, or go on now that their canary has passed. */
export async function lookAtCampaigns(tables: Tables, input: Input<"recover">): Promise<TopicEvent[]> {
  const jobs: TopicEvent[] = [];
  const watched = await readCampaigns(tables, {
    status: { $in: ["RUNNING", "PAUSED"] },
    $or: [{ "options.expires_at": { $ne: null } }, { canary_phase: { $in: ["sending", "passed"] } }],
  });
  for (const campaign of watched) {
    const look = dueLook(campaign, input);
    const goesOn = look.kind === "watch" && (await passes(tables, campaign, look, input.now));
    if (goesOn || look.kind === "end") jobs.push(jobOf(campaign._id, null));
  }
  return jobs;
}

/** Pauses a campaign that alarms; true where its canary has just passed. */
async function passes(
  tables: Tables,
  campaign: Campaign,
  { canary, warning }: Extract<DueLook, { kind: "watch" }>,
  now: Instant,
): Promise<boolean> {
  const alarm = alarmOf(campaign.counts, await optOutsOf(tables, campaign._id), warning, canary);
  if (alarm !== null) {
    await hold(tables, { campaign_id: campaign._id, hold: { ...alarm, at: now } });
    return false;
  }
  if (campaign.canary_phase === "passed") return false;
  await writeCampaign(tables, campaign._id, { canary_phase: "passed", updated_at: now });
  return true;
}

async function optOutsOf(tables: Tables, campaignId: string): Promise<number> {
  const reactions = await tables.campaign_reaction.find({ campaign_id: campaignId, reaction: "opted_out" });
  return reactions.reduce((sum, { messages }) => sum + messages, 0);
}
