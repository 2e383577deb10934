/** Owns which messages a person may have tried again. */
import { type Campaign, endingOf } from "../campaign/campaign.ts";
import { transition } from "../campaign/lifecycle.ts";
import type { Instant } from "../instant.ts";
import type { MessageStatus } from "./message.ts";

export const RETRYABLE_STATUSES = ["FAILED", "UNCERTAIN", "SKIPPED"] as const satisfies readonly MessageStatus[];
export type RetryableStatus = (typeof RETRYABLE_STATUSES)[number];

/** Reasons for a skip that may have passed. The others still hold, or are looked at only once, when the audience is written down. */
const PASSING_SKIPS: readonly string[] = ["blank_variable", "frequency_cap"];

/** Tells whether a message in `status` for the reason `code` may be tried again. */
export function isRetryable(status: MessageStatus, code: string | null): boolean {
  if (status === "SKIPPED") return code !== null && PASSING_SKIPS.includes(code);
  return status === "FAILED" || status === "UNCERTAIN";
}

/** Why no message of the campaign may be tried again now; null where those that `isRetryable` names may. */
export function retryRefusal(campaign: Pick<Campaign, "status" | "options">, now: Instant): string | null {
  const moved = transition(campaign.status, "retry");
  if (moved.kind === "refused") return moved.reason;
  return endingOf(campaign, now) === null ? null : "It has expired, so nobody else is written to";
}
