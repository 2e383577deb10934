/** Owns the file that stands for the outside world: what really left, however often, and the receipts that are still to come. */
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Instant } from "@mini-crm/core/instant";
import type { ReceiptStatus } from "@mini-crm/core/message/message";
import type { Page, PageRequest } from "@mini-crm/core/ports/store";
import type { OutgoingText, Receipt } from "@mini-crm/core/ports/whatsapp-provider";
import type { PlannedReceipt } from "./fate.ts";

/** A text that left. A message that was sent twice is there twice. */
export interface SentText {
  message_id: string;
  to: string;
  text: string;
  at: Instant;
  provider_id: string;
  /** What has happened to it so far. */
  receipts: { status: Receipt["status"]; at: Instant }[];
}

export interface OutboxRequest extends PageRequest {
  messageId?: string;
  to?: string;
}

/** A message on its way out, with what will become of it. */
export interface Departure {
  message: OutgoingText;
  providerId: string;
  receipts: readonly PlannedReceipt[];
}

export interface ReceiptBatch {
  ids: readonly number[];
  receipts: readonly Receipt[];
}

export interface Outbox {
  /** Writes down, all or none, that these messages left at `at`. Durable against the death of the process. */
  leave(departures: readonly Departure[], at: Instant): void;
  /** Only one at a time hands receipts over: tells whether that is `owner`, until `until` or its dismissal. */
  appoint(owner: string, now: Instant, until: Instant): boolean;
  dismiss(owner: string): void;
  /** Receipts that are due, about `most`; null where none are. */
  due(now: Instant, most: number): ReceiptBatch | null;
  /** These were heard: they don't come again. */
  settle(batch: ReceiptBatch): void;
  /** When the next receipts are due. */
  nextDue(): Instant | null;
  /** What left, in its order; receipts as they are at `now`. */
  page(request: OutboxRequest, now: Instant): Page<SentText>;
  /** How many messages left more than once. */
  sentMoreThanOnce(): number;
  close(): void;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sent (
    id INTEGER PRIMARY KEY, -- rows are never removed, so the highest is their number
    message_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    text TEXT NOT NULL,
    at INTEGER NOT NULL,
    provider_id TEXT NOT NULL,
    failed_at INTEGER,
    delivered_at INTEGER,
    read_at INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS sent_message ON sent (message_id);

  -- Receipts to come, many in a row: those of messages that left together and that are due together.
  CREATE TABLE IF NOT EXISTS receipt_batch (
    id INTEGER PRIMARY KEY,
    due INTEGER NOT NULL,
    receipts TEXT NOT NULL -- see \`encode\`
  ) STRICT;
  CREATE INDEX IF NOT EXISTS receipt_batch_due ON receipt_batch (due);

  -- One row: who hands receipts over, until when unless it says so again.
  CREATE TABLE IF NOT EXISTS courier (id INTEGER PRIMARY KEY CHECK (id = 1), owner TEXT NOT NULL, until INTEGER NOT NULL) STRICT;
`;

const RECEIPTS_PER_ROW = 500;
const ROWS_PER_BATCH = 256;

/** Opens, and where needed creates, the outbox in `file`; `:memory:` keeps it in memory. Several processes may share a file. */
export function openOutbox(file: string): Outbox {
  const db = new DatabaseSync(file, { timeout: 5_000 });
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000;");
  db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`);
  const insertSent = db.prepare(
    "INSERT INTO sent (message_id, recipient, text, at, provider_id, failed_at, delivered_at, read_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const insertReceipts = db.prepare("INSERT INTO receipt_batch (due, receipts) VALUES (?, ?)");
  const selectDue = db.prepare(`SELECT id, receipts FROM receipt_batch WHERE due <= ? ORDER BY due, id LIMIT ${ROWS_PER_BATCH}`);
  const selectNextDue = db.prepare("SELECT min(due) AS due FROM receipt_batch");
  const remove = db.prepare("DELETE FROM receipt_batch WHERE id = ?");

  function inTransaction<T>(work: () => T): T {
    db.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      db.exec("COMMIT");
      return result;
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }

  function leave(departures: readonly Departure[], at: Instant): void {
    const rows = rowsOf(departures, at);
    inTransaction(() => {
      for (const { message, providerId, receipts } of departures) {
        const when: Partial<Record<ReceiptStatus, Instant>> = {};
        for (const { receipt } of receipts) when[receipt.status] = receipt.at;
        const { FAILED = null, DELIVERED = null, READ = null } = when;
        insertSent.run(message.messageId, message.to, message.text, at, providerId, FAILED, DELIVERED, READ);
      }
      for (const { due, receipts } of rows) insertReceipts.run(due, encode(receipts));
    });
  }

  function nextDue(): Instant | null {
    const due = selectNextDue.get()?.["due"];
    return typeof due === "number" ? due : null;
  }

  function appoint(owner: string, now: Instant, until: Instant): boolean {
    const change = `
      INSERT INTO courier VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, until = excluded.until
      WHERE owner = excluded.owner OR until <= ?`;
    return Number(db.prepare(change).run(owner, until, now).changes) === 1;
  }

  function dismiss(owner: string): void {
    db.prepare("DELETE FROM courier WHERE owner = ?").run(owner);
  }

  function due(now: Instant, most: number): ReceiptBatch | null {
    const ids: number[] = [];
    const receipts: Receipt[] = [];
    for (const row of selectDue.iterate(now)) {
      ids.push(Number(row["id"]));
      decode(String(row["receipts"]), receipts);
      if (receipts.length >= most) break;
    }
    return ids.length === 0 ? null : { ids, receipts };
  }

  function settle({ ids }: ReceiptBatch): void {
    inTransaction(() => {
      for (const id of ids) remove.run(id);
    });
  }

  function page({ page: number, limit, messageId, to }: OutboxRequest, now: Instant): Page<SentText> {
    const filters: [string, SQLInputValue][] = [];
    if (messageId !== undefined) filters.push(["message_id = ?", messageId]);
    if (to !== undefined) filters.push(["recipient = ?", to]);
    const where = filters.map(([condition]) => condition).join(" AND ");
    const values = filters.map(([, value]) => value);
    const skipped = (number - 1) * limit;
    if (filters.length === 0) {
      const total = Number(db.prepare("SELECT max(id) AS total FROM sent").get()?.["total"] ?? 0);
      const rows = db.prepare("SELECT * FROM sent WHERE id > ? ORDER BY id LIMIT ?").all(skipped, limit);
      return { items: rows.map((row) => sentText(row, now)), total };
    }
    const total = Number(db.prepare(`SELECT count(*) AS total FROM sent WHERE ${where}`).get(...values)?.["total"]);
    const rows = db.prepare(`SELECT * FROM sent WHERE ${where} ORDER BY id LIMIT ? OFFSET ?`).all(...values, limit, skipped);
    return { items: rows.map((row) => sentText(row, now)), total };
  }

  function sentMoreThanOnce(): number {
    const doubled = "SELECT count(*) AS messages FROM (SELECT 1 FROM sent GROUP BY message_id HAVING count(*) > 1)";
    return Number(db.prepare(doubled).get()?.["messages"]);
  }

  return { leave, appoint, dismiss, due, settle, nextDue, page, sentMoreThanOnce, close: () => db.close() };
}

/** Gathers receipts that are due at about the same time. */
function rowsOf(departures: readonly Departure[], at: Instant): { due: Instant; receipts: Receipt[] }[] {
  const open = new Map<Instant, Receipt[]>();
  const rows: { due: Instant; receipts: Receipt[] }[] = [];
  for (const { receipts } of departures) {
    for (const { due, receipt } of receipts) {
      const rounded = roundedUp(due, at);
      const row = open.get(rounded);
      if (row !== undefined && row.length < RECEIPTS_PER_ROW) {
        row.push(receipt);
      } else {
        const begun = [receipt];
        open.set(rounded, begun);
        rows.push({ due: rounded, receipts: begun });
      }
    }
  }
  return rows;
}

/**
 * Rounds to steps of about a sixteenth of the wait. The steps are powers
 * of two, so of two moments the earlier one never comes out later.
 */
function roundedUp(due: Instant, now: Instant): Instant {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(1, due - now))) - 4);
  return Math.ceil(due / step) * step;
}

/** `[messageId, status, at, code, reason, ...]`: one list of a few kinds of values takes half as long as a list of objects. */
function encode(receipts: readonly Receipt[]): string {
  const flat: (string | number | null)[] = [];
  for (const { messageId, status, at, code, reason } of receipts) flat.push(messageId, status, at, code, reason);
  return JSON.stringify(flat);
}

function decode(text: string, into: Receipt[]): void {
  const flat = JSON.parse(text);
  for (let at = 0; at < flat.length; at += 5) {
    into.push({ messageId: flat[at], status: flat[at + 1], at: flat[at + 2], code: flat[at + 3], reason: flat[at + 4] });
  }
}

function sentText(row: Record<string, unknown>, now: Instant): SentText {
  const receipts: SentText["receipts"] = [];
  for (const status of ["FAILED", "DELIVERED", "READ"] as const) {
    const at = row[`${status.toLowerCase()}_at`];
    if (typeof at === "number" && at <= now) receipts.push({ status, at });
  }
  return {
    message_id: String(row["message_id"]),
    to: String(row["recipient"]),
    text: String(row["text"]),
    at: Number(row["at"]),
    provider_id: String(row["provider_id"]),
    receipts,
  };
}
