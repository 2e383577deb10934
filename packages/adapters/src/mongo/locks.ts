/** Owns what transactions touch that must not pass each other: of two that run side by side, one begins anew behind the other. */
import type { Tables } from "./tables.ts";

/** Those who look for leads that are known before they write new ones. */
export const LEADS = "leads";
/** Those who look at what was sent to somebody in all campaigns before they send more. */
export const CAPS = "caps";
/** Those who note activities, and those who change which webhooks hear of them. */
export const ACTIVITIES = "activities";
/** Those who count the channels before they make one. */
export const CHANNELS = "channels";

/** Those who look at what a channel has sent before it sends more, and those who replace what is known of its templates. */
export function channelLock(channelId: string): string {
  return `channel ${channelId}`;
}

/** Those who write what a linked device knows, and those who take its session over. */
export function sessionLock(channelId: string): string {
  return `session ${channelId}`;
}

/** Those who let a campaign's messages go, or bring them back, and those who stop it or say that it is done. */
export function campaignLock(campaignId: string): string {
  return `campaign ${campaignId}`;
}

/** Those who write a campaign's audience down, and those who say that it ends or goes on. */
export function audienceLock(campaignId: string): string {
  return `audience ${campaignId}`;
}

/** Makes the caller's transaction conflict with every other that takes this lock. Take it before anything is read. */
export function lock(tables: Tables, name: string): Promise<void> {
  return tables.lock.upsert({ _id: name }, { $inc: { n: 1 } });
}
