/** Owns what the step `recover` sees to in running campaigns: those that have expired, and the autopilot. */
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { alarmOf, type DueLook, dueLook } from "@mini-crm/core/campaign/canary";
import { type Input, jobOf } from "@mini-crm/core/event/raised";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { readCampaign, writeCampaign } from "./campaigns.ts";
import { type Connection, number, text } from "./connection.ts";
import { hold } from "./steering.ts";

/** Answers the jobs of campaigns that end, or go on now that their canary has passed. */
export function lookAtCampaigns(connection: Connection, input: Input<"recover">): TopicEvent[] {
  const jobs: TopicEvent[] = [];
  const rows = connection.all(
    `SELECT _id FROM campaign WHERE status IN ('RUNNING', 'PAUSED')
       AND (options ->> 'expires_at' IS NOT NULL OR canary_phase IN ('sending', 'passed'))`,
  );
  for (const row of rows) {
    const campaign = readCampaign(connection, text(row, "_id"));
    if (campaign === null) continue;
    const look = dueLook(campaign, input);
    const goesOn = look.kind === "watch" && passes(connection, campaign, look, input.now);
    if (goesOn || look.kind === "end") jobs.push(jobOf(campaign._id, null));
  }
  return jobs;
}

/** Pauses a campaign that alarms; true where its canary has just passed. */
function passes(
  connection: Connection,
  campaign: Campaign,
  { canary, warning }: Extract<DueLook, { kind: "watch" }>,
  now: Instant,
): boolean {
  const alarm = alarmOf(campaign.counts, optOutsOf(connection, campaign._id), warning, canary);
  if (alarm !== null) {
    hold(connection, { campaign_id: campaign._id, hold: { ...alarm, at: now } });
    return false;
  }
  if (campaign.canary_phase === "passed") return false;
  writeCampaign(connection, campaign._id, { canary_phase: "passed", updated_at: now });
  return true;
}

function optOutsOf(connection: Connection, campaignId: string): number {
  const row = connection.get(
    "SELECT coalesce(sum(messages), 0) AS messages FROM campaign_reaction WHERE campaign_id = ? AND reaction = 'opted_out'",
    campaignId,
  );
  return row === undefined ? 0 : number(row, "messages");
}
