/** Owns what a direct message is: a test of a campaign's text, or a reply to a person. It is in no figure of any campaign. */
import type { StatusEvent } from "../event/topics.ts";
import type { Instant } from "../instant.ts";
import type { Content } from "./content.ts";
import { afterReceipt, type MessageStatus } from "./message.ts";
import { afterOutcome, type SendOutcome } from "./outcome.ts";
import { reasonOf } from "./reasons.ts";

/**
 *     PENDING -> SENDING -> SENT -> DELIVERED -> READ
 *        +          +-> FAILED, UNCERTAIN, or PENDING again where nobody was asked
 *        +-> SKIPPED
 *
 * As for every message: it is tried once, and where nobody knows what came of that, it is never sent again by itself.
 */
export interface DirectMessage {
  /** Also the provider's name for it: 24 digits, where a campaign's messages have 48. */
  _id: string;
  /** The campaign whose text is tested; null for a reply. */
  campaign_id: string | null;
  channel_id: string;
  /** Whose data the text shows, or who is answered. */
  lead_id: string;
  /** Where it goes, in E.164. */
  phone: string;
  /** The name of the text that is tested; null for a reply. */
  variant: string | null;
  /** Just what a recipient is sent. */
  content: Content;
  status: Exclude<MessageStatus, "CLAIMED" | "CANCELLED">;
  code: string | null;
  reason: string | null;
  provider_id: string | null;
  created_at: Instant;
  sending_at: Instant | null;
  sent_at: Instant | null;
  delivered_at: Instant | null;
  read_at: Instant | null;
}

const NO_REASON = { code: null, reason: null } as const;

/** Tells whether a message must not go to somebody who has opted out: a test must not; a reply answers what they wrote. */
export function heedsOptOut({ campaign_id }: Pick<DirectMessage, "campaign_id">): boolean {
  return campaign_id !== null;
}

/** A message that does not go out because its number belongs to somebody who has opted out. */
export function optedOutDirect(message: DirectMessage): DirectMessage {
  return { ...message, status: "SKIPPED", code: "opted_out", reason: reasonOf("opted_out") };
}

/** A direct message after the outcome of its try, as `afterOutcome` says; null where that changes nothing. */
export function directAfterOutcome(
  message: DirectMessage,
  { stillTheWorkers, outcome, now }: { stillTheWorkers: boolean; outcome: SendOutcome; now: Instant },
): DirectMessage | null {
  const status = afterOutcome({ status: message.status, stillTheWorkers }, outcome);
  if (status === null) return null;
  if (outcome.kind === "sent") {
    // What a receipt has already said of it stays.
    const told = status === "FAILED" ? {} : NO_REASON;
    const { provider_id, sent_at } = message;
    return { ...message, status, ...told, provider_id: provider_id ?? outcome.providerId, sent_at: sent_at ?? now };
  }
  const { code, reason } = outcome.kind === "failed" || outcome.kind === "uncertain" ? outcome : NO_REASON;
  return { ...message, status, code, reason, sending_at: status === "PENDING" ? null : message.sending_at };
}

/** A direct message after a receipt, as `afterReceipt` says; what is no receipt changes nothing. A time that is known stays. */
export function directAfterReceipt(message: DirectMessage, { status: receipt, at, code, reason }: StatusEvent): DirectMessage {
  if (receipt === "SKIPPED" || receipt === "UNCERTAIN") return message;
  const status = afterReceipt(message.status, receipt);
  const told = status !== "FAILED" ? NO_REASON : message.status === "FAILED" ? {} : { code, reason };
  return {
    ...message,
    status,
    ...told,
    sent_at: message.sent_at ?? (receipt === "SENT" ? at : null),
    delivered_at: message.delivered_at ?? (receipt === "DELIVERED" || receipt === "READ" ? at : null),
    read_at: message.read_at ?? (receipt === "READ" ? at : null),
  };
}
