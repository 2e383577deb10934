/** Owns the verb `ahead`: what goes out before a campaign's messages on the same channel. */
import { endingOf } from "@mini-crm/core/campaign/campaign";
import { canaryRoom } from "@mini-crm/core/campaign/canary";
import type { Instant } from "@mini-crm/core/instant";
import { readCampaign } from "./campaigns.ts";
import { type Connection, number, text } from "./connection.ts";

export function ahead(connection: Connection, campaignId: string, now: Instant): { messages: number; campaigns: number } {
  const older = connection.all(
    `SELECT other._id FROM campaign AS it JOIN campaign AS other ON other.channel_id = it.channel_id AND other._id <> it._id
     WHERE it._id = ? AND other.status = 'RUNNING'
       AND (it.started_at IS NULL OR other.started_at < it.started_at OR (other.started_at = it.started_at AND other._id < it._id))`,
    campaignId,
  );
  const found = { messages: 0, campaigns: 0 };
  for (const row of older) {
    const messages = goingOut(connection, text(row, "_id"), now);
    if (messages === 0) continue;
    found.messages += messages;
    found.campaigns += 1;
  }
  return found;
}

/** How many messages of a running campaign may go out now; those that wait for a moment of their own, or for a canary, may not. */
function goingOut(connection: Connection, campaignId: string, now: Instant): number {
  const campaign = readCampaign(connection, campaignId);
  if (campaign === null || endingOf(campaign, now) !== null) return 0;
  const row = connection.get(
    "SELECT coalesce(sum(messages), 0) AS ready FROM campaign_count WHERE campaign_id = ? AND status = 'PENDING' AND code = ''",
    campaignId,
  );
  const ready = row === undefined ? 0 : number(row, "ready");
  const { canary } = campaign.options;
  const isHeldBack = canary !== null && campaign.canary_phase === "sending";
  return campaign.counts.CLAIMED + (isHeldBack ? Math.max(0, Math.min(ready, canaryRoom(campaign, canary))) : ready);
}
