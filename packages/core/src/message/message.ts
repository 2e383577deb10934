/** Owns what a message is: one recipient of one campaign, the statuses it passes, and which way they may move. */
import type { Instant } from "../instant.ts";

/**
 * The way of a message:
 *
 *     PENDING -> CLAIMED -> SENDING -> SENT -> DELIVERED -> READ
 *        ^          |          |
 *        +- lease --+          +-> FAILED, UNCERTAIN, or PENDING again where the provider surely did not take it
 *
 * SKIPPED (nobody was asked to send it) and CANCELLED end it before the wire. UNCERTAIN means that the request left and no
 * answer came: nothing sends it again by itself, and a later receipt settles it.
 */
export const MESSAGE_STATUSES = [
  "PENDING",
  "CLAIMED",
  "SENDING",
  "SKIPPED",
  "CANCELLED",
  "UNCERTAIN",
  "SENT",
  "FAILED",
  "DELIVERED",
  "READ",
] as const;
export type MessageStatus = (typeof MESSAGE_STATUSES)[number];

/** A message in one of these has gone out, or may have, and is not known to have failed. */
export const OUT_STATUSES = ["SENDING", "UNCERTAIN", "SENT", "DELIVERED", "READ"] as const satisfies readonly MessageStatus[];

/** What a provider may say of a message after it took it. */
export type ReceiptStatus = "SENT" | "FAILED" | "DELIVERED" | "READ";

/** Why a recipient was not written to. */
export type SkipReason =
  | "opted_out"
  | "no_phone"
  | "invalid_number"
  | "blank_variable"
  | "duplicate_number"
  | "lead_deleted"
  | "frequency_cap"
  | "expired"
  | "outside_window";

/** Tells whether a message in `status` has a `settled_at`: the few that are looked for. */
export function isSettled(status: MessageStatus): boolean {
  return status === "FAILED" || status === "SKIPPED" || status === "CANCELLED" || status === "UNCERTAIN";
}

/** How far along a status is. A receipt moves a message only to a higher rank, so that a late DELIVERED beats FAILED. */
const RANK: Record<MessageStatus, number> = {
  PENDING: 0,
  CLAIMED: 1,
  SENDING: 2,
  SKIPPED: 3,
  CANCELLED: 3,
  UNCERTAIN: 3,
  SENT: 4,
  FAILED: 5,
  DELIVERED: 6,
  READ: 7,
};

/** The status after `receipt` became known of a message in `current`: what really happened outranks what was planned. */
export function afterReceipt<S extends MessageStatus>(current: S, receipt: ReceiptStatus): S | ReceiptStatus {
  return RANK[receipt] > RANK[current] ? receipt : current;
}

/** Tells whether a message in `status` has been on the wire: from there on its text, and so its variant, counts. */
export function hasLeft(status: MessageStatus): boolean {
  return RANK[status] >= RANK.SENT || status === "UNCERTAIN";
}

/** Tells whether a message in `status` may be with its recipient: it is on the wire, or was, and is not known to have failed. */
export function mayHaveArrived(status: MessageStatus): boolean {
  return status === "SENDING" || (hasLeft(status) && status !== "FAILED");
}

/** One recipient of one campaign, as the ledger shows it. Times are null until the message has got so far. */
export interface Message {
  _id: string;
  campaign_id: string;
  lead_id: string;
  status: MessageStatus;
  /** The number written to, in E.164. */
  phone: string | null;
  /** How many times it has been claimed for sending. */
  attempt: number;
  /** What was put on the wire; null before that. */
  text: string | null;
  provider_id: string | null;
  /** Which of the campaign's texts it has: its index in the frozen variants. */
  variant: number;
  /** PENDING: not before this moment, for the reason given. */
  due_at: Instant | null;
  /** Why it is FAILED, SKIPPED or UNCERTAIN, or waits: a code for machines and a reason for people. */
  code: string | null;
  reason: string | null;
  retryable: boolean | null;
  created_at: Instant;
  sending_at: Instant | null;
  sent_at: Instant | null;
  delivered_at: Instant | null;
  read_at: Instant | null;
  /** When it became FAILED, SKIPPED, CANCELLED or UNCERTAIN. */
  settled_at: Instant | null;
  /** When the recipient first answered it, and when an answer to it said stop. */
  replied_at: Instant | null;
  opted_out_at: Instant | null;
}

/** Something that happened to a message. */
export interface MessageEvent {
  at: Instant;
  /** RETRIED: a person had it tried again. */
  status: MessageStatus | "RETRIED";
  attempt: number;
  code: string | null;
  reason: string | null;
  provider_id: string | null;
}

/** The one identifier that a campaign's message to a lead can have: the campaign's followed by the lead's, 48 hex digits. */
export function messageId(campaignId: string, leadId: string): string {
  return campaignId + leadId;
}

/** Takes a message's identifier apart; null where `id` cannot be one. */
export function parseMessageId(id: string): { campaignId: string; leadId: string } | null {
  if (!/^[0-9a-f]{48}$/.test(id)) return null;
  return { campaignId: id.slice(0, 24), leadId: id.slice(24) };
}
