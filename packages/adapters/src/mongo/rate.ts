/** Owns how many messages each channel has sent of late: what its rate limit looks back at. */
import type { RateLimit } from "@mini-crm/core/channel/limits";
import type { Instant } from "@mini-crm/core/instant";
import { ObjectId } from "mongodb";
import type { Tables } from "./tables.ts";

/** Longer than any rate limit looks back. */
const KEPT_MS = 180_000;

export async function countSends(
  tables: Tables,
  sends: { channelId: string; campaignId: string; messages: number },
  now: Instant,
): Promise<void> {
  if (sends.messages === 0) return;
  const { channelId: channel_id, campaignId: campaign_id, messages } = sends;
  await tables.channel_send.insert([{ _id: new ObjectId(), channel_id, campaign_id, at: now, messages }]);
}

/** Not done with every send, as two that sweep the same would have to wait for one another. */
export async function sweepSends(tables: Tables, now: Instant): Promise<void> {
  await tables.channel_send.remove({ at: { $lte: now - KEPT_MS } });
}

export async function rateUse(
  tables: Tables,
  channelId: string,
  rate: RateLimit,
  now: Instant,
): Promise<{ used: number; resetAt: Instant }> {
  const sends = await tables.channel_send.find(
    { channel_id: channelId, at: { $gt: now - rate.windowMs } },
    { sort: { at: 1 }, projection: { at: 1, messages: 1 } },
  );
  return { used: sumOf(sends), resetAt: (sends[0]?.at ?? now) + rate.windowMs };
}

/** How many messages of a campaign were sent since `since`. */
export async function sentSince(tables: Tables, campaignId: string, since: Instant): Promise<number> {
  const campaign = await tables.campaign.one({ _id: campaignId }, { projection: { channel_id: 1 } });
  if (campaign === null) return 0;
  const filter = { channel_id: campaign.channel_id, at: { $gt: since }, campaign_id: campaignId };
  return sumOf(await tables.channel_send.find(filter, { projection: { messages: 1 } }));
}

function sumOf(sends: readonly { messages: number }[]): number {
  return sends.reduce((sum, { messages }) => sum + messages, 0);
}
