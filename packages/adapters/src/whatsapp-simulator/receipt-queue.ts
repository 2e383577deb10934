/** Owns the receipts that are still to come: many in a row of their queue, of messages that left together. */
import type { DatabaseSync } from "node:sqlite";
import type { Instant } from "@mini-crm/core/instant";
import type { Receipt } from "@mini-crm/core/ports/whatsapp-provider";
import { type PlannedReceipt, receiptOf } from "./fate.ts";
import { type HandoverQueue, handoverQueue } from "./handover-queue.ts";

export interface ReceiptQueue extends HandoverQueue<Receipt> {
  /** Adds, inside the caller's transaction, what was planned at `now`. */
  add(planned: Iterable<PlannedReceipt>, now: Instant): void;
}

const RECEIPTS_PER_ROW = 500;

export function receiptQueue(db: DatabaseSync, line: string): ReceiptQueue {
  const { queue, insert } = handoverQueue(db, "receipt", line, decode);
  return {
    ...queue,
    add(planned, now) {
      for (const { due, receipts } of rowsOf(planned, now)) insert(due, encode(due, receipts));
    },
  };
}

/** Gathers receipts that are due at about the same time, in their order. */
function rowsOf(planned: Iterable<PlannedReceipt>, now: Instant): { due: Instant; receipts: Receipt[] }[] {
  const rows: { due: Instant; receipts: Receipt[] }[] = [];
  const open = new Map<Instant, Receipt[]>();
  for (const { due, receipt } of planned) {
    const rounded = roundedUp(due, now);
    const row = open.get(rounded);
    if (row !== undefined && row.length < RECEIPTS_PER_ROW) {
      row.push(receipt);
      continue;
    }
    const receipts = [receipt];
    open.set(rounded, receipts);
    rows.push({ due: rounded, receipts });
  }
  return rows;
}

/**
 * Makes a wait up to a quarter longer, so that many receipts share a row; they still say when they happened. The steps are powers
 * of two, so of two moments the earlier one never comes out later.
 */
function roundedUp(due: Instant, now: Instant): Instant {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, due - now))) - 2);
  return Math.ceil(due / step) * step;
}

/** `[messageId, status, at - due, ...]`, with a failure's code behind its status: one flat list of small values takes a third of the time of a list of objects. */
function encode(due: Instant, receipts: readonly Receipt[]): string {
  const flat: (string | number)[] = [];
  for (const { messageId, status, code, at } of receipts) {
    flat.push(messageId, code === null ? status : `${status} ${code}`, at - due);
  }
  return JSON.stringify(flat);
}

function decode(due: Instant, text: string, into: Receipt[]): void {
  const flat = JSON.parse(text);
  for (let at = 0; at < flat.length; at += 3) {
    const [status, code] = flat[at + 1].split(" ");
    into.push(receiptOf(flat[at], status, due + flat[at + 2], code));
  }
}
