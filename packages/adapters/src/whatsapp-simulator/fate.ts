/** Owns what happens to a message: the numbers drawn for it from the seed, and what they mean under a behaviour. */
import { chanceFrom, hashOf } from "@mini-crm/core/chance";
import type { Instant } from "@mini-crm/core/instant";
import type { Receipt } from "@mini-crm/core/ports/whatsapp-provider";
import { lists, type SimulatorBehaviour, within } from "./behaviour.ts";

/** Everything that chance decides about a message, each a number in [0, 1). */
export interface Fate {
  /** Like WhatsApp Web's, where the sender chooses it: the same message has the same one. */
  providerId: string;
  latency: number;
  refusal: number;
  outcome: number;
  hang: number;
  sent: number;
  undeliverable: number;
  delivered: number;
  isRead: number;
  read: number;
  doubled: number;
  late: number;
  lateBy: number;
  shuffled: number;
}

export function fateOf(seed: number, messageId: string): Fate {
  const hash = hashOf(seed, messageId);
  const draw = chanceFrom(hash);
  return {
    providerId: `3EB0${hex(hash[0], 8)}${hex(hash[1], 8)}${hex(Math.floor(draw() * 256), 2)}`,
    latency: draw(),
    refusal: draw(),
    outcome: draw(),
    hang: draw(),
    sent: draw(),
    undeliverable: draw(),
    delivered: draw(),
    isRead: draw(),
    read: draw(),
    doubled: draw(),
    late: draw(),
    lateBy: draw(),
    shuffled: draw(),
  };
}

/** The identifier of the simulated device: a seed's own. */
export function deviceIdOf(seed: number): string {
  const [high, low] = hashOf(seed, "device");
  return `3EB0${hex(high, 8)}${hex(low >>> 16, 4)}`;
}

export function isOnWhatsApp(seed: number, phone: string, behaviour: SimulatorBehaviour): boolean {
  if (lists(behaviour.notOnWhatsApp, phone)) return false;
  return behaviour.notOnWhatsAppShare === 0 || chanceFrom(hashOf(seed, phone))() >= behaviour.notOnWhatsAppShare;
}

/** What the sender hears of a message that has left: accepted, or nothing in time. */
export function outcomeOf({ outcome }: Fate, { hangShare, cutShare }: SimulatorBehaviour): "accepted" | "hangs" | "cut" {
  if (outcome < hangShare) return "hangs";
  return outcome < hangShare + cutShare ? "cut" : "accepted";
}

/** A receipt, and when it is handed over. */
export interface PlannedReceipt {
  due: Instant;
  receipt: Receipt;
}

/** What becomes of a message after it left at `leftAt`. */
export function receiptsOf(messageId: string, fate: Fate, behaviour: SimulatorBehaviour, leftAt: Instant): PlannedReceipt[] {
  const happened = whatHappens(messageId, fate, behaviour, leftAt);
  const lateMs = within(behaviour.lateBy, fate.lateBy);
  const handedLateMs = fate.late < behaviour.lateShare ? lateMs : 0;
  const isShuffled = fate.shuffled < behaviour.shuffledShare;
  const lastAt = happened.at(-1)?.at ?? leftAt;
  const planned = happened.map((receipt, index) => ({
    due: (isShuffled ? lastAt + (happened.length - 1 - index) * SHUFFLED_GAP_MS : receipt.at) + handedLateMs,
    receipt,
  }));
  if (fate.doubled >= behaviour.doubledShare) return planned;
  return planned.flatMap(({ due, receipt }) => [
    { due, receipt },
    { due: due + lateMs, receipt },
  ]);
}

/** Wide enough that receipts in the wrong order are also handed over in that order, whatever the width of their batches. */
const SHUFFLED_GAP_MS = 100;

function whatHappens(messageId: string, fate: Fate, behaviour: SimulatorBehaviour, leftAt: Instant): Receipt[] {
  const { sentAfter, deliveredAfter, readAfter } = behaviour;
  const receipts: Receipt[] = [];
  if (sentAfter !== null) {
    receipts.push({ messageId, status: "SENT", at: leftAt + within(sentAfter, fate.sent), code: null, reason: null });
  }
  const deliveredAt = leftAt + within(deliveredAfter, fate.delivered);
  if (fate.undeliverable < behaviour.undeliverableShare) {
    receipts.push({ messageId, status: "FAILED", at: deliveredAt, ...UNDELIVERABLE });
    return receipts;
  }
  receipts.push({ messageId, status: "DELIVERED", at: deliveredAt, code: null, reason: null });
  if (fate.isRead < behaviour.readShare) {
    const readAt = Math.max(deliveredAt, leftAt + within(readAfter, fate.read));
    receipts.push({ messageId, status: "READ", at: readAt, code: null, reason: null });
  }
  return receipts;
}

const UNDELIVERABLE = { code: "131026", reason: "The message could not be delivered" };

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}
