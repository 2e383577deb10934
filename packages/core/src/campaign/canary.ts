/** Owns the autopilot: how many go first, and whether what became of them lets the others go. */
import type { Instant } from "../instant.ts";
import { type Campaign, endingOf, type MessageCounts } from "./campaign.ts";
import type { Canary } from "./options.ts";

/**
 *     sending --nothing alarming--> passed
 *        +----alarm--> paused by a hold --a person resumes it--> overruled <--the same-- passed
 *
 * `overruled`: a person has seen the alarm and decided, so the autopilot says no more.
 */
export type CanaryPhase = "sending" | "passed" | "overruled";

export interface Alarm {
  code: "too_many_failed" | "too_many_opted_out" | "account_warning";
  /** In words, with the numbers. */
  reason: string;
}

type Watched = Pick<Campaign, "counts" | "expected" | "last_sent_at" | "expanded">;

/** How many recipients go first. */
export function canarySize({ expected }: Pick<Campaign, "expected">, canary: Canary): number {
  return Math.max(1, Math.ceil((expected * canary.percent) / 100));
}

/** How many more may be claimed while the canary is being sent. */
export function canaryRoom(campaign: Watched, canary: Canary): number {
  return canarySize(campaign, canary) - triedOf(campaign.counts);
}

/** When those who went first are looked at: null while they are still being sent. */
export function canaryLookAt(campaign: Watched, canary: Canary): Instant | null {
  const { counts } = campaign;
  const isAllTaken = canaryRoom(campaign, canary) <= 0 || (campaign.expanded && counts.PENDING === 0);
  if (!isAllTaken || counts.CLAIMED + counts.SENDING > 0) return null;
  return (campaign.last_sent_at ?? 0) + canary.wait_minutes * 60_000;
}

/** What is alarming about a campaign; null where nothing is. `warning` is what the account was warned of. */
export function alarmOf(counts: MessageCounts, optedOut: number, warning: string | null, canary: Canary): Alarm | null {
  if (warning !== null) return { code: "account_warning", reason: `WhatsApp warns this account: ${warning}` };
  const tried = triedOf(counts);
  const failed = counts.FAILED + counts.UNCERTAIN;
  const exceeds = (part: number, percent: number) => part > 0 && part * 100 > tried * percent;
  if (exceeds(failed, canary.max_failed_percent)) {
    return { code: "too_many_failed", reason: `${share(failed, tried)} failed, more than ${canary.max_failed_percent} %` };
  }
  if (exceeds(optedOut, canary.max_opted_out_percent)) {
    const reason = `${share(optedOut, tried)} answered with a stop, more than ${canary.max_opted_out_percent} %`;
    return { code: "too_many_opted_out", reason };
  }
  return null;
}

/** What time and warnings ask for in a campaign that runs or is paused. */
export type DueLook =
  /** It has expired, and there is something left to end. */
  | { kind: "end" }
  /** What became of its messages is held against the canary's terms; `warning` is what the account was warned of. */
  | { kind: "watch"; canary: Canary; warning: string | null }
  | { kind: "nothing" };

export function dueLook(
  campaign: Campaign,
  { now, warnings }: { now: Instant; warnings: Readonly<Record<string, string>> },
): DueLook {
  if (endingOf(campaign, now) !== null) return endsOnce(campaign) ? { kind: "end" } : { kind: "nothing" };
  const { canary } = campaign.options;
  const phase = campaign.canary_phase;
  if (canary === null || campaign.status !== "RUNNING" || (phase !== "sending" && phase !== "passed")) return { kind: "nothing" };
  const warning = warnings[campaign.channel_id] ?? null;
  const at = phase === "sending" ? canaryLookAt(campaign, canary) : now;
  const isDue = warning !== null || (at !== null && at <= now);
  return isDue ? { kind: "watch", canary, warning } : { kind: "nothing" };
}

/** A campaign that has expired ends once; a pause has nothing left to hold back then. */
function endsOnce({ status, expanded, counts }: Campaign): boolean {
  return status === "PAUSED" || !expanded || counts.PENDING + counts.CLAIMED > 0;
}

/** Everyone for whom sending has begun. */
function triedOf({ CLAIMED, SENDING, UNCERTAIN, SENT, FAILED, DELIVERED, READ }: MessageCounts): number {
  return CLAIMED + SENDING + UNCERTAIN + SENT + FAILED + DELIVERED + READ;
}

function share(part: number, whole: number): string {
  return `${part} of ${whole} messages (${Math.round((part / whole) * 1000) / 10} %)`;
}
