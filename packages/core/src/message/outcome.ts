/** Owns what can come of trying to send one claimed message. */
import { unreachable } from "../app-error.ts";
import type { Ending } from "../campaign/campaign.ts";
import type { Instant } from "../instant.ts";
import {
  afterReceipt,
  type Message,
  type MessageEvent,
  type MessageStatus,
  type ReceiptStatus,
  type SkipReason,
} from "./message.ts";

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
export interface TriedMessage<S extends MessageStatus = MessageStatus> {
  status: S;
  /** True while no other worker, and no later try, has claimed it since. */
  stillTheWorkers: boolean;
}

/**
 * The status after `outcome`; null where it changes nothing, because time or another worker has overtaken the try. That it was
 * sent is a fact whoever tells it; everything else only counts from the worker that still holds the message. A try that is known
 * not to have gone out also frees a message whose lease had made it UNCERTAIN.
 */
export function afterOutcome<S extends MessageStatus>(
  message: TriedMessage<S>,
  outcome: SendOutcome,
): S | "PENDING" | "SKIPPED" | "UNCERTAIN" | ReceiptStatus | null {
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

/** The fields of a message that was sent, and is `next` now; what a receipt has already said of it stays. */
export function sentFields(
  message: { sent_at?: Instant | null },
  next: MessageStatus,
  providerId: string,
  now: Instant,
): Pick<Message, "status" | "provider_id" | "sent_at" | "due_at"> & Partial<Message> {
  const told = next === "FAILED" ? {} : { settled_at: null, code: null, reason: null };
  return { ...told, status: next, provider_id: providerId, sent_at: message.sent_at ?? now, due_at: null };
}

/** Every outcome but that it was sent. */
export type Unsent = Exclude<SendOutcome, { kind: "sent" }>;

/** What a try changes of a message that was not sent. */
type UnsentFields = Pick<
  Message,
  "status" | "code" | "reason" | "retryable" | "due_at" | "settled_at" | "attempt" | "sending_at"
>;

/** The fields of a message that `outcome` moves to `planned`; one that would wait takes its campaign's `ending` instead. */
export function unsentFields(
  message: Pick<Message, "attempt" | "sending_at">,
  planned: MessageStatus,
  outcome: Unsent,
  ending: Ending | null,
  now: Instant,
): UnsentFields {
  const written = planned === "PENDING" && ending !== null ? { ...NOTHING_KNOWN, ...ending } : knownAfter(planned, outcome);
  const { status } = written;
  const countsAsTry = outcome.kind !== "released" && outcome.kind !== "deferred";
  return {
    ...written,
    settled_at: status === "PENDING" ? null : now,
    attempt: countsAsTry ? message.attempt : message.attempt - 1,
    sending_at: status === "FAILED" || status === "UNCERTAIN" ? message.sending_at : null,
  };
}

const NOTHING_KNOWN = { code: null, reason: null, retryable: null, due_at: null };

function knownAfter(status: MessageStatus, outcome: Unsent) {
  switch (outcome.kind) {
    case "failed":
      return { ...NOTHING_KNOWN, status, code: outcome.code, reason: outcome.reason, retryable: false };
    case "retry":
      return { status, code: outcome.code, reason: outcome.reason, retryable: true, due_at: outcome.dueAt };
    case "deferred":
      return { ...NOTHING_KNOWN, status, code: outcome.code, reason: outcome.reason, due_at: outcome.dueAt };
    case "uncertain":
      return { ...NOTHING_KNOWN, status, code: outcome.code, reason: outcome.reason };
    case "skipped":
      return { ...NOTHING_KNOWN, status, code: outcome.reason, reason: outcome.detail };
    case "released":
      return { ...NOTHING_KNOWN, status };
    default:
      return unreachable(outcome);
  }
}

/** What is noted of a try besides what the message itself tells; null where that is nothing. */
export function eventOfOutcome(outcome: Unsent, attempt: number, at: Instant): Omit<MessageEvent, "provider_id"> | null {
  if (outcome.kind !== "failed" && outcome.kind !== "retry" && outcome.kind !== "uncertain") return null;
  return { at, status: NOTED_AS[outcome.kind], attempt, code: outcome.code, reason: outcome.reason };
}

const NOTED_AS = { failed: "FAILED", retry: "PENDING", uncertain: "UNCERTAIN" } as const;
