/** Owns how many messages each channel has sent of late: what its rate limit looks back at. */
import type { RateLimit, SendingLimits } from "@mini-crm/core/channel/limits";
import type { ChannelUse } from "@mini-crm/core/channel/room";
import type { Instant } from "@mini-crm/core/instant";
import { type Connection, number, numberOrNull } from "./connection.ts";
import { recipientUse } from "./contacts.ts";

/** Longer than any rate limit looks back. */
const KEPT_MS = 180_000;

export function countSends(
  connection: Connection,
  sends: { channelId: string; campaignId: string; messages: number },
  now: Instant,
): void {
  if (sends.messages === 0) return;
  connection.run("DELETE FROM channel_send WHERE channel_id = ? AND at <= ?", sends.channelId, now - KEPT_MS);
  connection.run(
    "INSERT INTO channel_send (channel_id, campaign_id, at, messages) VALUES (?, ?, ?, ?)",
    sends.channelId,
    sends.campaignId,
    now,
    sends.messages,
  );
}

export function rateUse(
  connection: Connection,
  channelId: string,
  rate: RateLimit,
  now: Instant,
): { used: number; resetAt: Instant } {
  const row = connection.get(
    "SELECT coalesce(sum(messages), 0) AS used, min(at) AS oldest FROM channel_send WHERE channel_id = ? AND at > ?",
    channelId,
    now - rate.windowMs,
  );
  if (row === undefined) throw new Error("An aggregate gave no row");
  return { used: number(row, "used"), resetAt: (numberOrNull(row, "oldest") ?? now) + rate.windowMs };
}

/** What a channel has used of the limits that it has. */
export function channelUse(
  connection: Connection,
  channelId: string,
  { rate, recipientsPerDay }: SendingLimits,
  now: Instant,
): ChannelUse {
  return {
    rate: rate === null ? null : rateUse(connection, channelId, rate, now),
    recipients: recipientsPerDay === null ? null : recipientUse(connection, channelId, now),
  };
}

/** How many messages of a campaign were sent since `since`. */
export function sentSince(connection: Connection, campaignId: string, since: Instant): number {
  const row = connection.get(
    `SELECT coalesce(sum(messages), 0) AS sent FROM channel_send
     WHERE channel_id = (SELECT channel_id FROM campaign WHERE _id = ?) AND at > ? AND campaign_id = ?`,
    campaignId,
    since,
    campaignId,
  );
  return row === undefined ? 0 : number(row, "sent");
}
