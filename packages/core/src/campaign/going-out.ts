/** Owns how many of a campaign's messages may go out now, and whose go first. */
import type { Instant } from "../instant.ts";
import { type Campaign, endingOf } from "./campaign.ts";
import { canaryRoom } from "./canary.ts";

/** How many more messages of a campaign may be claimed now; infinite where nothing but their number limits them. */
export function claimable(campaign: Campaign, now: Instant): number {
  if (campaign.status !== "RUNNING" || endingOf(campaign, now) !== null) return 0;
  const { canary } = campaign.options;
  return canary !== null && campaign.canary_phase === "sending" ? canaryRoom(campaign, canary) : Number.POSITIVE_INFINITY;
}

/** How many messages of a running campaign go out now, where `ready` wait for nothing but their turn. */
export function goingOut(campaign: Campaign, ready: number, now: Instant): number {
  if (endingOf(campaign, now) !== null) return 0;
  return campaign.counts.CLAIMED + Math.max(0, Math.min(ready, claimable(campaign, now)));
}

/** Tells whether the messages of a campaign that runs on the same channel go before those of `it`: it was started earlier. */
export function goesBefore(other: Pick<Campaign, "_id" | "started_at">, it: Pick<Campaign, "_id" | "started_at">): boolean {
  if (other._id === it._id || it.started_at === null) return other._id !== it._id;
  const earlier = (other.started_at ?? 0) - it.started_at;
  return earlier < 0 || (earlier === 0 && other._id < it._id);
}
