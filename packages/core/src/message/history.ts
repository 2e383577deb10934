/** Owns the history of a message: what the message itself tells, what was noted besides, and the order of both. */
import type { Instant } from "../instant.ts";
import type { Message, MessageEvent, MessageStatus } from "./message.ts";

/** What a message itself tells of its last try. */
export type LastTry = Pick<Message, "status" | "attempt" | "created_at"> &
  Partial<Pick<Message, "code" | "reason" | "provider_id" | (typeof TIMES)[number]>>;

const TIMES = ["sending_at", "sent_at", "delivered_at", "read_at", "settled_at"] as const;

/** What happened to a message, of which `noted` was written down besides, in the order in which it happened. */
export function historyOf(message: LastTry, noted: readonly MessageEvent[]): MessageEvent[] {
  return [...toldBy(message), ...noted].sort((a, b) => a.at - b.at || a.attempt - b.attempt || rankOf(a) - rankOf(b));
}

/** What must be noted when a person has a message tried again: what it tells of the try that ends so, and that it was retried. */
export function eventsOfRetry(message: LastTry, now: Instant): MessageEvent[] {
  const kept = toldBy(message).filter(({ status }) => status !== "PENDING");
  return [...kept, { at: now, status: "RETRIED", attempt: message.attempt, code: null, reason: null, provider_id: null }];
}

/**
 * When a person last had a message tried again, and whether nobody knew then if it had gone out; null where nobody has. `noted` is
 * in the order in which it was written down.
 */
export function lastRetry(noted: readonly MessageEvent[]): { at: Instant; wasUncertain: boolean } | null {
  const index = noted.findLastIndex(({ status }) => status === "RETRIED");
  const retry = noted[index];
  if (retry === undefined) return null;
  return { at: retry.at, wasUncertain: noted.slice(0, index).findLast(isEnd)?.status === "UNCERTAIN" };
}

function isEnd({ status }: MessageEvent): boolean {
  return status === "FAILED" || status === "UNCERTAIN" || status === "SKIPPED";
}

/** What comes of what, where one moment holds several. */
const ORDER: readonly MessageEvent["status"][] = [
  "PENDING",
  "SENDING",
  "UNCERTAIN",
  "SENT",
  "FAILED",
  "DELIVERED",
  "READ",
  "SKIPPED",
  "CANCELLED",
  "RETRIED",
];

function rankOf({ status }: MessageEvent): number {
  return ORDER.indexOf(status);
}

/** FAILED and UNCERTAIN are noted, so that they stay when the message goes on. */
function toldBy(message: LastTry): MessageEvent[] {
  const { attempt, status, created_at, code = null, reason = null, provider_id = null } = message;
  const nothing = { code: null, reason: null, provider_id: null };
  const at = (time: (typeof TIMES)[number], reached: MessageStatus, known: Partial<MessageEvent> = {}): MessageEvent[] => {
    const moment = message[time] ?? null;
    return moment === null ? [] : [{ ...nothing, at: moment, status: reached, attempt, ...known }];
  };
  return [
    { ...nothing, at: created_at, status: "PENDING", attempt: 0 },
    ...at("sending_at", "SENDING"),
    ...at("sent_at", "SENT", { provider_id }),
    ...at("delivered_at", "DELIVERED"),
    ...at("read_at", "READ"),
    ...(status === "SKIPPED" || status === "CANCELLED" ? at("settled_at", status, { code, reason }) : []),
  ];
}
