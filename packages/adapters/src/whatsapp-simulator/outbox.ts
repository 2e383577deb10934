/** Owns the file that stands for the outside world: what really left, however often, and what is still to be heard of it. */
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Instant } from "@mini-crm/core/instant";
import type { ReceiptStatus } from "@mini-crm/core/message/message";
import type { Page, PageRequest } from "@mini-crm/core/ports/store";
import type { InboundText, OutgoingText } from "@mini-crm/core/ports/whatsapp-provider";
import { writeAhead } from "../sqlite/write-ahead.ts";
import type { PlannedReceipt } from "./fate.ts";
import { HANDOVER_SCHEMA } from "./handover-queue.ts";
import { type ReceiptQueue, receiptQueue } from "./receipt-queue.ts";
import { type TextQueue, textQueue } from "./text-queue.ts";

/** A text that left. A message that was sent twice is there twice. */
export interface SentText {
  message_id: string;
  to: string;
  text: string;
  /** When its sender gave it to WhatsApp; it left at the end of the latency, `at`. */
  handed_over_at: Instant;
  at: Instant;
  provider_id: string;
  /** What has happened to it so far. */
  receipts: { status: ReceiptStatus; at: Instant }[];
}

export interface OutboxRequest extends PageRequest {
  messageId?: string;
  to?: string;
}

/** A message on its way out, with what will become of it. */
export interface Departure {
  message: OutgoingText;
  handedOverAt: Instant;
  providerId: string;
  receipts: readonly PlannedReceipt[];
  /** What its recipient will write back. */
  reply: InboundText | null;
}

export interface Outbox {
  /** Writes down, all or none, that these messages left at `at`. Outlives the process, however it dies. */
  leave(departures: readonly Departure[], at: Instant): void;
  /** What left, in its order; `receipts` as they are at `now`. */
  page(request: OutboxRequest, now: Instant): Page<SentText>;
  /** How many messages left more than once. */
  sentMoreThanOnce(): number;
  receipts: ReceiptQueue;
  texts: TextQueue;
  close(): void;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sent (
    id INTEGER PRIMARY KEY, -- rows are never removed, so the highest is their number
    message_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    text TEXT NOT NULL,
    handed_over_at INTEGER NOT NULL,
    at INTEGER NOT NULL,
    provider_id TEXT NOT NULL,
    failed_at INTEGER,
    delivered_at INTEGER,
    read_at INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS sent_message ON sent (message_id);
`;

/** Opens, and where needed creates, the outbox in `file`; `:memory:` keeps it in memory. Several processes may share a file. */
export function openOutbox(file: string): Outbox {
  const db = new DatabaseSync(file, { timeout: 5_000 });
  writeAhead(db);
  db.exec("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000;");
  db.exec(`BEGIN IMMEDIATE; ${SCHEMA} ${HANDOVER_SCHEMA} COMMIT;`);
  const insert = bulkInsert(db);
  const receipts = receiptQueue(db);
  const texts = textQueue(db);

  function leave(departures: readonly Departure[], at: Instant): void {
    db.exec("BEGIN IMMEDIATE");
    try {
      insert(departures, at);
      receipts.add(plannedIn(departures), at);
      for (const { reply } of departures) if (reply !== null) texts.add(reply);
      db.exec("COMMIT");
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }

  function page({ page: number, limit, messageId, to }: OutboxRequest, now: Instant): Page<SentText> {
    const skipped = (number - 1) * limit;
    if (messageId === undefined && to === undefined) {
      const total = Number(db.prepare("SELECT max(id) AS total FROM sent").get()?.["total"] ?? 0);
      const rows = db.prepare("SELECT * FROM sent WHERE id > ? ORDER BY id LIMIT ?").all(skipped, limit);
      return { items: rows.map((row) => sentText(row, now)), total };
    }
    const where = "WHERE (?1 IS NULL OR message_id = ?1) AND (?2 IS NULL OR recipient = ?2)";
    const values = [messageId ?? null, to ?? null];
    const total = Number(db.prepare(`SELECT count(*) AS total FROM sent ${where}`).get(...values)?.["total"]);
    const rows = db.prepare(`SELECT * FROM sent ${where} ORDER BY id LIMIT ?3 OFFSET ?4`).all(...values, limit, skipped);
    return { items: rows.map((row) => sentText(row, now)), total };
  }

  function sentMoreThanOnce(): number {
    const doubled = "SELECT count(*) AS messages FROM (SELECT 1 FROM sent GROUP BY message_id HAVING count(*) > 1)";
    return Number(db.prepare(doubled).get()?.["messages"]);
  }

  return { leave, page, sentMoreThanOnce, receipts, texts, close: () => db.close() };
}

/** So many rows in one statement take three fifths of the time of as many statements. */
const ROWS_PER_INSERT = 25;

function bulkInsert(db: DatabaseSync): (departures: readonly Departure[], at: Instant) => void {
  const statement = (rows: number) =>
    db.prepare(`
      INSERT INTO sent (message_id, recipient, text, handed_over_at, at, provider_id, failed_at, delivered_at, read_at)
      VALUES ${new Array<string>(rows).fill("(?, ?, ?, ?, ?, ?, ?, ?, ?)").join(", ")}`);
  const many = statement(ROWS_PER_INSERT);
  const one = statement(1);
  return (departures, at) => {
    const whole = departures.length - (departures.length % ROWS_PER_INSERT);
    for (let from = 0; from < whole; from += ROWS_PER_INSERT) {
      many.run(...departures.slice(from, from + ROWS_PER_INSERT).flatMap((departure) => valuesOf(departure, at)));
    }
    for (const departure of departures.slice(whole)) one.run(...valuesOf(departure, at));
  };
}

function valuesOf({ message, handedOverAt, providerId, receipts }: Departure, at: Instant): SQLInputValue[] {
  const when: Partial<Record<ReceiptStatus, Instant>> = {};
  for (const { receipt } of receipts) when[receipt.status] = receipt.at;
  const { FAILED = null, DELIVERED = null, READ = null } = when;
  return [message.messageId, message.to, message.text, handedOverAt, at, providerId, FAILED, DELIVERED, READ];
}

function* plannedIn(departures: readonly Departure[]): Generator<PlannedReceipt> {
  for (const { receipts } of departures) yield* receipts;
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
    handed_over_at: Number(row["handed_over_at"]),
    at: Number(row["at"]),
    provider_id: String(row["provider_id"]),
    receipts,
  };
}
