/** Owns what a test message is: one of a campaign's texts, sent to be looked at. It is in no figure of any campaign. */
import type { StatusEvent } from "../event/topics.ts";
import type { Instant } from "../instant.ts";
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
export interface TestMessage {
  /** Also the provider's name for it: 24 digits, where a campaign's messages have 48. */
  _id: string;
  campaign_id: string;
  channel_id: string;
  /** Whose data the text shows. */
  lead_id: string;
  /** Where it goes, in E.164. */
  phone: string;
  /** The name of the text. */
  variant: string;
  /** Just what a recipient would be sent. */
  text: string;
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

/** A test whose number belongs to somebody who has opted out. */
export function optedOutTest(test: TestMessage): TestMessage {
  return { ...test, status: "SKIPPED", code: "opted_out", reason: reasonOf("opted_out") };
}

/** A test after the outcome of its try, as `afterOutcome` says; null where that changes nothing. */
export function testAfterOutcome(
  test: TestMessage,
  { stillTheWorkers, outcome, now }: { stillTheWorkers: boolean; outcome: SendOutcome; now: Instant },
): TestMessage | null {
  const status = afterOutcome({ status: test.status, stillTheWorkers }, outcome);
  if (status === null) return null;
  if (outcome.kind === "sent") {
    // What a receipt has already said of it stays.
    const told = status === "FAILED" ? {} : NO_REASON;
    return { ...test, status, ...told, provider_id: test.provider_id ?? outcome.providerId, sent_at: test.sent_at ?? now };
  }
  const { code, reason } = outcome.kind === "failed" || outcome.kind === "uncertain" ? outcome : NO_REASON;
  return { ...test, status, code, reason, sending_at: status === "PENDING" ? null : test.sending_at };
}

/** A test after a receipt, as `afterReceipt` says; what is no receipt changes nothing. A time that is known stays. */
export function testAfterReceipt(test: TestMessage, { status: receipt, at, code, reason }: StatusEvent): TestMessage {
  if (receipt === "SKIPPED" || receipt === "UNCERTAIN") return test;
  const status = afterReceipt(test.status, receipt);
  const told = status !== "FAILED" ? NO_REASON : test.status === "FAILED" ? {} : { code, reason };
  return {
    ...test,
    status,
    ...told,
    sent_at: test.sent_at ?? (receipt === "SENT" ? at : null),
    delivered_at: test.delivered_at ?? (receipt === "DELIVERED" || receipt === "READ" ? at : null),
    read_at: test.read_at ?? (receipt === "READ" ? at : null),
  };
}
