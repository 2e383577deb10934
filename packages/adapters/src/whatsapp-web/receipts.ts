/** Owns what receipts and acknowledgements on the wire say about which messages. */
import type { Instant } from "@mini-crm/core/instant";
import type { ReceiptStatus } from "@mini-crm/core/message/message";
import type { BinaryNode } from "baileys";

/** By the type of a receipt: "inactive" is what a device says that has the message while its app is in the background. */
const STATUSES: Readonly<Record<string, ReceiptStatus>> = {
  "": "DELIVERED",
  inactive: "DELIVERED",
  read: "READ",
  played: "READ",
};

export interface WireReceipt {
  /** Identifiers at WhatsApp. */
  providerIds: string[];
  status: ReceiptStatus;
  at: Instant;
}

/** Null where it says nothing of how far messages of ours came, or comes from a device of our own. */
export function receiptOf({ attrs, content }: BinaryNode, now: Instant): WireReceipt | null {
  const status = STATUSES[attrs["type"] ?? ""];
  const { id, recipient } = attrs;
  if (status === undefined || id === undefined || recipient !== undefined) return null;
  const list = Array.isArray(content) ? content.find(({ tag }) => tag === "list") : undefined;
  const others = Array.isArray(list?.content) ? list.content.flatMap((item) => item.attrs["id"] ?? []) : [];
  return { providerIds: [id, ...others], status, at: timeOf(attrs["t"], now) };
}

/** What WhatsApp's server says to a message; `error` is null where it took it. */
export interface Acknowledgement {
  providerId: string;
  error: string | null;
  at: Instant;
}

export function acknowledgementOf({ attrs }: BinaryNode, now: Instant): Acknowledgement | null {
  const { id, error, t } = attrs;
  return id === undefined ? null : { providerId: id, error: error ?? null, at: timeOf(t, now) };
}

function timeOf(seconds: string | undefined, now: Instant): Instant {
  const at = Number(seconds) * 1_000;
  return at > 0 ? at : now;
}
