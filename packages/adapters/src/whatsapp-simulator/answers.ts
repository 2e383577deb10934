/** Owns what the simulated WhatsApp says when it does not simply accept: the Cloud API's codes, in words for people. */
import type { SendAnswer } from "@mini-crm/core/ports/whatsapp-provider";

export const NOT_ON_WHATSAPP = {
  kind: "permanent",
  scope: "recipient",
  code: "131026",
  reason: "This number is not on WhatsApp",
  wish: null,
} satisfies SendAnswer;
export const UNREACHABLE = {
  kind: "retryable",
  scope: "account",
  code: "131016",
  reason: "WhatsApp cannot be reached",
  retryAfterMs: null,
} satisfies SendAnswer;
export const BUSY_NUMBER = {
  kind: "retryable",
  scope: "recipient",
  code: "131056",
  reason: "Too many messages to this number in a short time",
  retryAfterMs: 6_000,
} satisfies SendAnswer;
export const FAILED_FOR_NOW = {
  kind: "retryable",
  scope: "recipient",
  code: "131000",
  reason: "WhatsApp could not take this message for now",
  retryAfterMs: null,
} satisfies SendAnswer;
export const CUT = { kind: "unknown", reason: "The connection was cut before WhatsApp answered" } satisfies SendAnswer;
export const NO_ANSWER = { kind: "unknown", reason: "WhatsApp did not answer" } satisfies SendAnswer;

export function tooFast(retryAfterMs: number): SendAnswer {
  return { kind: "retryable", scope: "account", code: "130429", reason: "Too many messages in a short time", retryAfterMs };
}

export const NOT_STARTED = {
  kind: "session",
  state: "stopped",
  reason: "The simulated WhatsApp is not started",
} satisfies SendAnswer;

/** The outside world is a file: what could not be written into it has not left. */
export function notWritten(error: unknown): SendAnswer {
  const reason = `The simulator's outbox cannot be written: ${error instanceof Error ? error.message : String(error)}`;
  return { kind: "retryable", scope: "account", code: "131000", reason, retryAfterMs: null };
}
