/** Owns what a provider's answer to a send means for the message and for its channel. */
import { unreachable } from "../app-error.ts";
import type { Instant } from "../instant.ts";
import type { SendAnswer } from "../ports/whatsapp-provider.ts";
import type { SendOutcome } from "./outcome.ts";

/** How often a message is tried before a retryable answer is final. */
export const MAX_ATTEMPTS = 5;
const FIRST_RETRY_MS = 10_000;
const LONGEST_RETRY_MS = 600_000;

/** What an answer means: for the message, and whether the provider as a whole works. */
export interface Verdict {
  outcome: SendOutcome;
  /** False where sending the next message makes no sense before the provider has been mended or has recovered. */
  providerWorks: boolean;
  /** How long the provider asked to be left alone, in ms; null where it did not say. */
  restMs: number | null;
  /** Why nobody of the campaign can be sent its message as it is; null where that says nothing of the others. */
  campaignProblem: { code: string; reason: string } | null;
}

/** Judges the answer to the `attempt`th try. `chance` in [0, 1) spreads retries out. */
export function judge(answer: SendAnswer, attempt: number, now: Instant, chance: number): Verdict {
  switch (answer.kind) {
    case "accepted":
      return works({ kind: "sent", providerId: answer.providerId });
    case "permanent": {
      const { code, reason, scope } = answer;
      return { ...works({ kind: "failed", code, reason }), campaignProblem: scope === "campaign" ? { code, reason } : null };
    }
    case "deferred": {
      if (attempt >= MAX_ATTEMPTS) return works(failedAfter(answer, attempt));
      const { code, reason, afterMs } = answer;
      return works({ kind: "retry", code, reason, dueAt: now + Math.round(afterMs * (1 + chance / 10)) });
    }
    case "retryable":
      if (answer.scope === "account") {
        return broken({ kind: "released" }, answer.retryAfterMs);
      }
      if (attempt >= MAX_ATTEMPTS) return works(failedAfter(answer, attempt));
      return works({ kind: "retry", code: answer.code, reason: answer.reason, dueAt: now + retryDelay(answer, attempt, chance) });
    case "session":
      return broken({ kind: "released" }, null);
    case "unknown":
      return broken({ kind: "uncertain", code: "no_answer", reason: answer.reason }, null);
    default:
      return unreachable(answer);
  }
}

function works(outcome: SendOutcome): Verdict {
  return { outcome, providerWorks: true, restMs: null, campaignProblem: null };
}

function broken(outcome: SendOutcome, restMs: number | null): Verdict {
  return { outcome, providerWorks: false, restMs, campaignProblem: null };
}

function failedAfter({ code, reason }: { code: string; reason: string }, attempts: number): SendOutcome {
  return { kind: "failed", code, reason: `${reason} (tried ${attempts} times)` };
}

function retryDelay(answer: { retryAfterMs: number | null }, attempt: number, chance: number): number {
  const backoff = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempt - 1));
  return Math.max(answer.retryAfterMs ?? 0, Math.round(backoff * (0.5 + chance)));
}
