/** Owns the verb `ahead`: what goes out before a campaign's messages on the same channel. */
import { goesBefore, goingOut } from "@mini-crm/core/campaign/going-out";
import type { Instant } from "@mini-crm/core/instant";
import { readCampaign } from "./campaigns.ts";
import { ledgerCounts } from "./counters.ts";
import type { Tables } from "./tables.ts";

export async function ahead(tables: Tables, campaignId: string, now: Instant): Promise<{ messages: number; campaigns: number }> {
  const found = { messages: 0, campaigns: 0 };
  const it = await tables.campaign.one({ _id: campaignId }, { projection: { channel_id: 1, started_at: 1 } });
  if (it === null) return found;
  const others = await tables.campaign.find({ status: "RUNNING", channel_id: it.channel_id }, { projection: { started_at: 1 } });
  for (const other of others.filter((campaign) => goesBefore(campaign, it))) {
    const messages = await goingOutOf(tables, other._id, now);
    if (messages === 0) continue;
    found.messages += messages;
    found.campaigns += 1;
  }
  return found;
}

/** How many messages of a running campaign may go out now; those that wait for a moment of their own, or for a canary, may not. */
async function goingOutOf(tables: Tables, campaignId: string, now: Instant): Promise<number> {
  const campaign = await readCampaign(tables, campaignId);
  if (campaign === null) return 0;
  const counts = await ledgerCounts(tables, campaignId);
  const ready = counts.find(({ status, code }) => status === "PENDING" && code === null)?.messages ?? 0;
  return goingOut(campaign, ready, now);
}
