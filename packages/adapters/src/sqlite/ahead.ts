/** Owns the verb `ahead`: what goes out before a campaign's messages on the same channel. */
import { goesBefore, goingOut } from "@mini-crm/core/campaign/going-out";
import type { Instant } from "@mini-crm/core/instant";
import { readCampaign } from "./campaigns.ts";
import { type Connection, number, numberOrNull, text } from "./connection.ts";

export function ahead(connection: Connection, campaignId: string, now: Instant): { messages: number; campaigns: number } {
  const rows = connection.all(
    `SELECT other._id, other.started_at, it.started_at AS its_start
     FROM campaign AS it JOIN campaign AS other ON other.channel_id = it.channel_id
     WHERE it._id = ? AND other.status = 'RUNNING'`,
    campaignId,
  );
  const found = { messages: 0, campaigns: 0 };
  for (const row of rows) {
    const other = { _id: text(row, "_id"), started_at: numberOrNull(row, "started_at") };
    if (!goesBefore(other, { _id: campaignId, started_at: numberOrNull(row, "its_start") })) continue;
    const messages = goingOutOf(connection, other._id, now);
    if (messages === 0) continue;
    found.messages += messages;
    found.campaigns += 1;
  }
  return found;
}

/** How many messages of a running campaign may go out now; those that wait for a moment of their own, or for a canary, may not. */
function goingOutOf(connection: Connection, campaignId: string, now: Instant): number {
  const campaign = readCampaign(connection, campaignId);
  if (campaign === null) return 0;
  const row = connection.get(
    "SELECT coalesce(sum(messages), 0) AS ready FROM campaign_count WHERE campaign_id = ? AND status = 'PENDING' AND code = ''",
    campaignId,
  );
  return goingOut(campaign, row === undefined ? 0 : number(row, "ready"), now);
}
