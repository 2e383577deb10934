/** Owns the receipts that are still to come, in the outbox's file: when each is due, and who hands them over. */
import type { DatabaseSync } from "node:sqlite";
import type { Instant } from "@mini-crm/core/instant";
import type { Receipt } from "@mini-crm/core/ports/whatsapp-provider";
import { type PlannedReceipt, receiptOf } from "./fate.ts";

export interface ReceiptBatch {
  ids: readonly number[];
  receipts: readonly Receipt[];
}

export interface ReceiptQueue {
  /** Adds, inside the caller's transaction, what was planned at `now`. */
  add(planned: Iterable<PlannedReceipt>, now: Instant): void;
  /** Only one at a time hands receipts over: tells whether that is `owner`, until `until` or its dismissal. */
  appoint(owner: string, now: Instant, until: Instant): boolean;
  dismiss(owner: string): void;
  /** When the next receipts are due; null where there are none. */
  nextDue(): Instant | null;
  /** Receipts that are due, about `most`; null where none are. They are given again until they are settled. */
  due(now: Instant, most: number): ReceiptBatch | null;
  /** These were heard: they don't come again. */
  settle(batch: ReceiptBatch): void;
}

export const RECEIPT_SCHEMA = `
  -- Receipts to come, many in a row: of messages that left together, those that are due at about the same time.
  CREATE TABLE IF NOT EXISTS receipt_batch (
    id INTEGER PRIMARY KEY,
    due INTEGER NOT NULL,
    receipts TEXT NOT NULL -- JSON, as \`encode\` writes it
  ) STRICT;
  CREATE INDEX IF NOT EXISTS receipt_batch_due ON receipt_batch (due);

  -- One row: who hands receipts over, until when unless it says so again.
  CREATE TABLE IF NOT EXISTS courier (id INTEGER PRIMARY KEY CHECK (id = 1), owner TEXT NOT NULL, until INTEGER NOT NULL) STRICT;
`;

const RECEIPTS_PER_ROW = 500;
const ROWS_PER_BATCH = 256;

export function receiptQueue(db: DatabaseSync): ReceiptQueue {
  const insert = db.prepare("INSERT INTO receipt_batch (due, receipts) VALUES (?, ?)");
  const selectDue = db.prepare(
    `SELECT id, due, receipts FROM receipt_batch WHERE due <= ? ORDER BY due, id LIMIT ${ROWS_PER_BATCH}`,
  );
  const selectNextDue = db.prepare("SELECT min(due) AS due FROM receipt_batch");
  const remove = db.prepare("DELETE FROM receipt_batch WHERE id IN (SELECT value FROM json_each(?))");
  const takeOver = db.prepare(`
    INSERT INTO courier VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, until = excluded.until
    WHERE owner = excluded.owner OR until <= ?`);
  const giveUp = db.prepare("DELETE FROM courier WHERE owner = ?");

  return {
    add(planned, now) {
      for (const { due, receipts } of rowsOf(planned, now)) insert.run(due, encode(due, receipts));
    },
    appoint: (owner, now, until) => Number(takeOver.run(owner, until, now).changes) === 1,
    dismiss(owner) {
      giveUp.run(owner);
    },
    nextDue() {
      const due = selectNextDue.get()?.["due"];
      return typeof due === "number" ? due : null;
    },
    due(now, most) {
      const ids: number[] = [];
      const receipts: Receipt[] = [];
      for (const row of selectDue.iterate(now)) {
        ids.push(Number(row["id"]));
        decode(Number(row["due"]), String(row["receipts"]), receipts);
        if (receipts.length >= most) break;
      }
      return ids.length === 0 ? null : { ids, receipts };
    },
    settle({ ids }) {
      remove.run(JSON.stringify(ids));
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

/** `[messageId, status, at - due, ...]`: one flat list of small values takes a third of the time of a list of objects. */
function encode(due: Instant, receipts: readonly Receipt[]): string {
  const flat: (string | number)[] = [];
  for (const { messageId, status, at } of receipts) flat.push(messageId, status, at - due);
  return JSON.stringify(flat);
}

function decode(due: Instant, text: string, into: Receipt[]): void {
  const flat = JSON.parse(text);
  for (let at = 0; at < flat.length; at += 3) into.push(receiptOf(flat[at], flat[at + 1], due + flat[at + 2]));
}
