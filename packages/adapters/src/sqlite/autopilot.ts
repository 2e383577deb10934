/** Owns what the step `recover` sees to in running campaigns: those that have expired, and the autopilot. */
import { type Campaign, endingOf } from "@mini-crm/core/campaign/campaign";
import { alarmOf, canaryLookAt } from "@mini-crm/core/campaign/canary";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import { readCampaign } from "./campaigns.ts";
import { type Connection, number, text } from "./connection.ts";
import { type Input, jobOf } from "./raised.ts";
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
    const isOver = endingOf(campaign, input.now) !== null;
    if (isOver ? endsNow(campaign) : goesOn(connection, campaign, input)) jobs.push(jobOf(campaign._id, null));
  }
  return jobs;
}

/** A campaign that has expired ends once; a pause has nothing left to hold back then. */
function endsNow({ status, expanded, counts }: Campaign): boolean {
  return status === "PAUSED" || !expanded || counts.PENDING + counts.CLAIMED > 0;
}

/** Pauses a campaign that alarms; true where its canary has just passed. */
function goesOn(connection: Connection, campaign: Campaign, { now, warnings }: Input<"recover">): boolean {
  const { canary } = campaign.options;
  const { canary_phase: phase } = campaign;
  if (canary === null || campaign.status !== "RUNNING" || (phase !== "sending" && phase !== "passed")) return false;
  const lookAt = phase === "sending" ? canaryLookAt(campaign, canary) : now;
  const warning = warnings[campaign.channel_id] ?? null;
  if (warning === null && (lookAt === null || lookAt > now)) return false;
  const alarm = alarmOf(campaign.counts, optOutsOf(connection, campaign._id), warning, canary);
  if (alarm !== null) {
    hold(connection, { campaign_id: campaign._id, hold: { ...alarm, at: now } });
    return false;
  }
  if (phase === "passed") return false;
  connection.run("UPDATE campaign SET canary_phase = 'passed', updated_at = ? WHERE _id = ?", now, campaign._id);
  return true;
}

function optOutsOf(connection: Connection, campaignId: string): number {
  const row = connection.get(
    "SELECT coalesce(sum(messages), 0) AS messages FROM campaign_reaction WHERE campaign_id = ? AND reaction = 'opted_out'",
    campaignId,
  );
  return row === undefined ? 0 : number(row, "messages");
}
