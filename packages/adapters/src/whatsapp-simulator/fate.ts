/** Owns what happens to a message: the numbers drawn for it from the seed, and what they mean under a behaviour. */
import { drawOf, hashOf } from "@mini-crm/core/chance";
import type { Instant } from "@mini-crm/core/instant";
import type { ReceiptStatus } from "@mini-crm/core/message/message";
import type { InboundText, OutgoingMessage, Receipt } from "@mini-crm/core/ports/whatsapp-provider";
import { lists, type SimulatorBehaviour, type SpanMs } from "./behaviour.ts";

/** A message's identifier under the seed: what every number is drawn from. */
export type Fate = readonly [high: number, low: number];

/** What is drawn for: a number each, which never changes, so that a run can be repeated. */
const LATENCY = 0;
const REFUSAL = 1;
const OUTCOME = 2;
const HANG = 3;
const SENT = 4;
const UNDELIVERABLE = 5;
const DELIVERED = 6;
const IS_READ = 7;
const READ = 8;
const DOUBLED = 9;
const LATE = 10;
const LATE_BY = 11;
const SHUFFLED = 12;
const ON_WHATSAPP = 13;
const REPLY = 14;
const REPLY_AFTER = 15;

const UNDELIVERABLE_CODE = "131026";

export function fateOf(seed: number, messageId: string): Fate {
  return hashOf(seed, messageId);
}

/** The message's identifier at WhatsApp: as in WhatsApp Web the same for the same message, because the sender chooses it. */
export function providerIdOf([high, low]: Fate): string {
  return `3EB0${hex(high)}${hex(low)}${HEX[(high ^ low) & 255]}`;
}

/** The identifier of a text that somebody writes. */
export function inboundIdOf([high, low]: Fate): string {
  return `3A${hex(high)}${hex(low)}`;
}

/** The identifier of the simulated device: a seed's own. */
export function deviceIdOf(seed: number): string {
  return providerIdOf(hashOf(seed, "device")).slice(0, 16);
}

export function latencyOf(fate: Fate, { latency }: SimulatorBehaviour): number {
  return within(latency, drawOf(fate, LATENCY));
}

/** How long a message that hangs is waited for. */
export function hangOf(fate: Fate, { hangFor }: SimulatorBehaviour): number {
  return within(hangFor, drawOf(fate, HANG));
}

export function isOnWhatsApp(seed: number, phone: string, { notOnWhatsApp, notOnWhatsAppShare }: SimulatorBehaviour): boolean {
  if (lists(notOnWhatsApp, phone)) return false;
  return notOnWhatsAppShare === 0 || drawOf(hashOf(seed, phone), ON_WHATSAPP) >= notOnWhatsAppShare;
}

export function isRefusedAtFirst(fate: Fate, { retryableShare }: SimulatorBehaviour): boolean {
  return drawOf(fate, REFUSAL) < retryableShare;
}

/** What the sender hears of a message that has left: accepted, or nothing in time. */
export function outcomeOf(fate: Fate, { hangShare, cutShare }: SimulatorBehaviour): "accepted" | "hangs" | "cut" {
  const outcome = drawOf(fate, OUTCOME);
  if (outcome < hangShare) return "hangs";
  return outcome < hangShare + cutShare ? "cut" : "accepted";
}

/** A receipt, and when it is handed over. */
export interface PlannedReceipt {
  due: Instant;
  receipt: Receipt;
}

/**
 * What becomes of a message after it left at `leftAt`, `failure` being the code that it will fail with whatever was drawn; what is due at
 * the same moment is handed over in this order.
 */
export function receiptsOf(
  messageId: string,
  fate: Fate,
  behaviour: SimulatorBehaviour,
  leftAt: Instant,
  failure: string | null,
): PlannedReceipt[] {
  const receipts =
    failure === null
      ? whatHappens(messageId, fate, behaviour, leftAt)
      : [receiptOf(messageId, "FAILED", deliveredAtOf(fate, behaviour, leftAt), failure)];
  const lateMs = within(behaviour.lateBy, drawOf(fate, LATE_BY));
  const handedLateMs = drawOf(fate, LATE) < behaviour.lateShare ? lateMs : 0;
  const lastAt = receipts.at(-1)?.at ?? leftAt;
  const isShuffled = drawOf(fate, SHUFFLED) < behaviour.shuffledShare;
  if (isShuffled) receipts.reverse();
  const planned = receipts.map((receipt) => ({ due: (isShuffled ? lastAt : receipt.at) + handedLateMs, receipt }));
  if (drawOf(fate, DOUBLED) >= behaviour.doubledShare) return planned;
  return [...planned, ...planned.map(({ due, receipt }) => ({ due: due + lateMs, receipt }))];
}

function whatHappens(messageId: string, fate: Fate, behaviour: SimulatorBehaviour, leftAt: Instant): Receipt[] {
  const receipts: Receipt[] = [];
  const { sentAfter, readAfter } = behaviour;
  if (sentAfter !== null) receipts.push(receiptOf(messageId, "SENT", leftAt + within(sentAfter, drawOf(fate, SENT))));
  const deliveredAt = deliveredAtOf(fate, behaviour, leftAt);
  if (isUndeliverable(fate, behaviour)) {
    receipts.push(receiptOf(messageId, "FAILED", deliveredAt));
    return receipts;
  }
  receipts.push(receiptOf(messageId, "DELIVERED", deliveredAt));
  if (drawOf(fate, IS_READ) < behaviour.readShare) {
    receipts.push(receiptOf(messageId, "READ", Math.max(deliveredAt, leftAt + within(readAfter, drawOf(fate, READ)))));
  }
  return receipts;
}

/** What the recipient writes back after the message left at `leftAt`; null where they write nothing. */
export function replyOf({ to }: OutgoingMessage, fate: Fate, behaviour: SimulatorBehaviour, leftAt: Instant): InboundText | null {
  const { stopShare, replyShare, replyAfter } = behaviour;
  const draw = drawOf(fate, REPLY);
  if (draw >= stopShare + replyShare || isUndeliverable(fate, behaviour)) return null;
  return {
    providerId: inboundIdOf(fate),
    from: to,
    userId: null,
    name: null,
    text: draw < stopShare ? "STOP" : "Thanks!",
    wish: null,
    at: deliveredAtOf(fate, behaviour, leftAt) + within(replyAfter, drawOf(fate, REPLY_AFTER)),
  };
}

function isUndeliverable(fate: Fate, { undeliverableShare }: SimulatorBehaviour): boolean {
  return drawOf(fate, UNDELIVERABLE) < undeliverableShare;
}

function deliveredAtOf(fate: Fate, { deliveredAfter }: SimulatorBehaviour, leftAt: Instant): Instant {
  return leftAt + within(deliveredAfter, drawOf(fate, DELIVERED));
}

/** A receipt; unless `code` says otherwise, the only reason to fail once accepted is that a message could not be delivered. */
export function receiptOf(messageId: string, status: ReceiptStatus, at: Instant, code = UNDELIVERABLE_CODE): Receipt {
  if (status !== "FAILED") return { messageId, status, at, code: null, reason: null };
  const reason = code === UNDELIVERABLE_CODE ? "The message could not be delivered" : "WhatsApp refused the message later";
  return { messageId, status, at, code, reason };
}

/** The duration of a span that `draw` stands for, in whole ms. */
function within({ fromMs, toMs }: SpanMs, draw: number): number {
  return fromMs + Math.floor(draw * (toMs - fromMs + 1));
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0").toUpperCase());

/** 32 bits as 8 digits: several times as fast as `toString` for numbers of this size. */
function hex(value: number): string {
  return `${HEX[value >>> 24]}${HEX[(value >>> 16) & 255]}${HEX[(value >>> 8) & 255]}${HEX[value & 255]}`;
}
