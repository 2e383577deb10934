/** Owns which messages a person may have tried again. */
import { type Campaign, endingOf } from "../campaign/campaign.ts";
import { transition } from "../campaign/lifecycle.ts";
import type { Instant } from "../instant.ts";
import type { ReasonCount, RetryChoice } from "../ports/steps.ts";
import type { LedgerCount } from "../ports/store.ts";
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

/** Tells whether a person who made this choice has chosen a message. */
export function isChosen(choice: RetryChoice, { status, code = null }: { status: MessageStatus; code?: string | null }): boolean {
  return status === choice.status && (choice.code === null || code === choice.code) && isRetryable(status, code);
}

/** How many messages of a choice that names no leads there are, by reason. */
export function countChosen(choice: RetryChoice, ledger: readonly LedgerCount[]): ReasonCount[] {
  return reasonCounts(ledger.filter((count) => isChosen(choice, count)));
}

/** So many messages by their reasons; each counts for one where nothing else is said. */
export function reasonCounts(counts: readonly { code?: string | null; messages?: number }[]): ReasonCount[] {
  const sums = new Map<string | null, number>();
  for (const { code = null, messages = 1 } of counts) sums.set(code, (sums.get(code) ?? 0) + messages);
  return [...sums].map(([code, messages]) => ({ code, messages }));
}

export function sumOf(counts: readonly ReasonCount[]): number {
  return counts.reduce((sum, { messages }) => sum + messages, 0);
}
