/** Owns what can come of trying to send one claimed message. */
import { unreachable } from "../app-error.ts";
import type { Instant } from "../instant.ts";
import { afterReceipt, type MessageStatus, type SkipReason } from "./message.ts";

/**
 * `sent`: the provider took it. `failed`: it never will. `retry`: it surely did not, and may at `dueAt`. `released`: nobody
 * was asked, or the provider as a whole was out of reach, so the attempt does not count. `deferred`: nobody was asked, and nobody
 * is to be before `dueAt`. `uncertain`: nobody knows.
 */
export type SendOutcome =
  | { kind: "sent"; providerId: string }
  | { kind: "failed"; code: string; reason: string }
  | { kind: "retry"; code: string; reason: string; dueAt: Instant }
  | { kind: "released" }
  | { kind: "deferred"; code: string; reason: string; dueAt: Instant }
  | { kind: "uncertain"; code: string; reason: string }
  | { kind: "skipped"; reason: SkipReason; detail: string };

/** What came of a send whose worker went silent. */
export const LEASE_EXPIRED = {
  kind: "uncertain",
  code: "lease_expired",
  reason: "The worker that sent it did not say what came of it; a receipt would settle it.",
} as const satisfies SendOutcome;

/** What the store knows of a message when the outcome of a try arrives. */
export interface TriedMessage {
  status: MessageStatus;
  /** True while no other worker, and no later try, has claimed it since. */
  stillTheWorkers: boolean;
}

/**
 * The status after `outcome`; null where it changes nothing, because time or another worker has overtaken the try. That it was
 * sent is a fact whoever tells it; everything else only counts from the worker that still holds the message. A try that is known
 * not to have gone out also frees a message whose lease had made it UNCERTAIN.
 */
export function afterOutcome(message: TriedMessage, outcome: SendOutcome): MessageStatus | null {
  if (outcome.kind === "sent") return afterReceipt(message.status, "SENT");
  if (!message.stillTheWorkers) return null;
  const held = message.status === "CLAIMED" || message.status === "SENDING";
  switch (outcome.kind) {
    case "failed":
      return afterReceipt(message.status, "FAILED");
    case "uncertain":
      return message.status === "SENDING" ? "UNCERTAIN" : null;
    case "skipped":
      return held ? "SKIPPED" : null;
    case "retry":
    case "released":
    case "deferred":
      return held || message.status === "UNCERTAIN" ? "PENDING" : null;
    default:
      return unreachable(outcome);
  }
}
