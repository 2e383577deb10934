/** Owns what a receipt changes of a message. */
import type { StatusEvent } from "../event/topics.ts";
import type { lastRetry } from "./history.ts";
import { afterReceipt, type Message, type ReceiptStatus } from "./message.ts";

type ReceiptTime = "sent_at" | "delivered_at" | "read_at";

/** Which times a receipt tells, where they are not known; whoever has read a message has received it. */
export const RECEIPT_TIMES: Readonly<Record<ReceiptStatus, readonly ReceiptTime[]>> = {
  SENT: ["sent_at"],
  DELIVERED: ["delivered_at"],
  READ: ["delivered_at", "read_at"],
  FAILED: [],
};

/** What the provider says of a message. */
export type Receipt = StatusEvent & { status: ReceiptStatus };

/** Tells receipts from what the sender says, which is in its rows already. */
export function isReceipt(event: StatusEvent): event is Receipt {
  return event.status !== "SKIPPED" && event.status !== "UNCERTAIN";
}

/**
 * Tells whether a receipt speaks of a try that a person has replaced by another, and has nothing new to say: that it failed, or
 * that it was sent where that was known. That it reached the recipient always counts, because then nobody needs to send again.
 */
export function isOvertaken({ status, at }: Receipt, retry: ReturnType<typeof lastRetry>): boolean {
  if (status !== "FAILED" && status !== "SENT") return false;
  return retry !== null && at < retry.at && (status === "FAILED" || !retry.wasUncertain);
}

/** The fields of a message that a receipt changes: its times in any case, the others where it moves the message. */
export function receiptFields(
  message: Pick<Message, "status"> & { [T in ReceiptTime]?: Message[T] },
  { status, at, code, reason }: Receipt,
): Pick<Message, "status" | "due_at"> & Partial<Message> {
  const next = afterReceipt(message.status, status);
  const times = Object.fromEntries(RECEIPT_TIMES[status].map((time) => [time, message[time] ?? at]));
  if (next === message.status) return { ...times, status: next, due_at: null };
  const why = next === "FAILED" ? { settled_at: at, code, reason } : { settled_at: null, code: null, reason: null };
  return { ...times, ...why, status: next, due_at: null };
}
