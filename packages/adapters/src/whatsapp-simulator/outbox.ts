/** Owns the file that stands for the outside world: what really left, however often, and what is still to be heard of it. */
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Instant } from "@mini-crm/core/instant";
import type { ReceiptStatus } from "@mini-crm/core/message/message";
import type { Page, PageRequest } from "@mini-crm/core/ports/store";
import type { InboundText, OutgoingMessage } from "@mini-crm/core/ports/whatsapp-provider";
import { writeAhead } from "../sqlite/write-ahead.ts";
import type { PlannedReceipt } from "./fate.ts";
import { HANDOVER_INDEXES, HANDOVER_SCHEMA } from "./handover-queue.ts";
import { type ReceiptQueue, receiptQueue } from "./receipt-queue.ts";
import { type TextQueue, textQueue } from "./text-queue.ts";

/** A message that left. One that was sent twice is there twice. */
export interface SentText extends Accompaniment {
  message_id: string;
  /** The line that it left over; null where the file has only one. */
  line: string | null;
  to: string;
  text: string;
  /** When its sender gave it to WhatsApp; it left at the end of the latency, `at`. */
  handed_over_at: Instant;
  at: Instant;
  provider_id: string;
  /** What has happened to it so far. */
  receipts: { status: ReceiptStatus; at: Instant }[];
}

/** What a message has besides its text. */
type Accompaniment = Pick<OutgoingMessage, "media" | "buttons" | "template">;

export interface OutboxRequest extends PageRequest {
  messageId?: string;
  to?: string;
  line?: string;
}

/** A message on its way out, with what will become of it. */
export interface Departure {
  message: OutgoingMessage;
  handedOverAt: Instant;
  providerId: string;
  receipts: readonly PlannedReceipt[];
  /** What its recipient will write back. */
  reply: InboundText | null;
}

/** What one number has of its own, in a file that it may share. */
export interface OutboxLine {
  /** Writes down, all or none, that these messages left at `at`. Outlives the process, however it dies. */
  leave(departures: readonly Departure[], at: Instant): void;
  receipts: ReceiptQueue;
  texts: TextQueue;
}

export interface Outbox {
  /** The line of that name; "" is that of a file with only one. */
  line(name: string): OutboxLine;
  /** What left over all lines, in its order; `receipts` as they are at `now`. */
  page(request: OutboxRequest, now: Instant): Page<SentText>;
  /** How many messages left more than once. */
  sentMoreThanOnce(): number;
  /** For what else is to be kept in the file. */
  database: DatabaseSync;
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
    read_at INTEGER,
    line TEXT NOT NULL DEFAULT '',
    accompaniment TEXT -- JSON; null where it has only its text
  ) STRICT;
  CREATE INDEX IF NOT EXISTS sent_message ON sent (message_id);
`;

/** Columns that files of earlier versions lack. */
const ADDED_COLUMNS = [
  ["sent", "line", "TEXT NOT NULL DEFAULT ''"],
  ["sent", "accompaniment", "TEXT"],
  ["receipt_due", "line", "TEXT NOT NULL DEFAULT ''"],
  ["text_due", "line", "TEXT NOT NULL DEFAULT ''"],
] as const;

function prepareTables(db: DatabaseSync): void {
  db.exec(`BEGIN IMMEDIATE; ${SCHEMA} ${HANDOVER_SCHEMA}`);
  const isThere = db.prepare("SELECT 1 FROM pragma_table_info(?) WHERE name = ?");
  for (const [table, column, type] of ADDED_COLUMNS) {
    if (isThere.get(table, column) === undefined) db.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
  }
  db.exec(`${HANDOVER_INDEXES} COMMIT;`);
}

/** Opens, and where needed creates, the outbox in `file`; `:memory:` keeps it in memory. Several processes may share a file. */
export function openOutbox(file: string): Outbox {
  const db = new DatabaseSync(file, { timeout: 5_000 });
  writeAhead(db);
  db.exec("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000;");
  prepareTables(db);
  const insert = bulkInsert(db);

  function lineOf(name: string): OutboxLine {
    const receipts = receiptQueue(db, name);
    const texts = textQueue(db, name);
    const leave = (departures: readonly Departure[], at: Instant) => {
      db.exec("BEGIN IMMEDIATE");
      try {
        insert(departures, name, at);
        receipts.add(plannedIn(departures), at);
        for (const { reply } of departures) if (reply !== null) texts.add(reply);
        db.exec("COMMIT");
      } catch (error) {
        if (db.isTransaction) db.exec("ROLLBACK");
        throw error;
      }
    };
    return { leave, receipts, texts };
  }

  function page({ page: number, limit, messageId, to, line }: OutboxRequest, now: Instant): Page<SentText> {
    const skipped = (number - 1) * limit;
    if (messageId === undefined && to === undefined && line === undefined) {
      const total = Number(db.prepare("SELECT max(id) AS total FROM sent").get()?.["total"] ?? 0);
      const rows = db.prepare("SELECT * FROM sent WHERE id > ? ORDER BY id LIMIT ?").all(skipped, limit);
      return { items: rows.map((row) => sentText(row, now)), total };
    }
    const where = "WHERE (?1 IS NULL OR message_id = ?1) AND (?2 IS NULL OR recipient = ?2) AND (?3 IS NULL OR line = ?3)";
    const values = [messageId ?? null, to ?? null, line ?? null];
    const total = Number(db.prepare(`SELECT count(*) AS total FROM sent ${where}`).get(...values)?.["total"]);
    const rows = db.prepare(`SELECT * FROM sent ${where} ORDER BY id LIMIT ?4 OFFSET ?5`).all(...values, limit, skipped);
    return { items: rows.map((row) => sentText(row, now)), total };
  }

  function sentMoreThanOnce(): number {
    const doubled = "SELECT count(*) AS messages FROM (SELECT 1 FROM sent GROUP BY message_id HAVING count(*) > 1)";
    return Number(db.prepare(doubled).get()?.["messages"]);
  }

  return { line: lineOf, page, sentMoreThanOnce, database: db, close: () => db.close() };
}

/** So many rows in one statement take three fifths of the time of as many statements. */
const ROWS_PER_INSERT = 25;

function bulkInsert(db: DatabaseSync): (departures: readonly Departure[], line: string, at: Instant) => void {
  const statement = (rows: number) =>
    db.prepare(`
      INSERT INTO sent
        (message_id, recipient, text, handed_over_at, at, provider_id, failed_at, delivered_at, read_at, line, accompaniment)
      VALUES ${new Array<string>(rows).fill("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").join(", ")}`);
  const many = statement(ROWS_PER_INSERT);
  const one = statement(1);
  return (departures, line, at) => {
    const whole = departures.length - (departures.length % ROWS_PER_INSERT);
    for (let from = 0; from < whole; from += ROWS_PER_INSERT) {
      many.run(...departures.slice(from, from + ROWS_PER_INSERT).flatMap((departure) => valuesOf(departure, line, at)));
    }
    for (const departure of departures.slice(whole)) one.run(...valuesOf(departure, line, at));
  };
}

function valuesOf({ message, handedOverAt, providerId, receipts }: Departure, line: string, at: Instant): SQLInputValue[] {
  const when: Partial<Record<ReceiptStatus, Instant>> = {};
  for (const { receipt } of receipts) when[receipt.status] = receipt.at;
  const { FAILED = null, DELIVERED = null, READ = null } = when;
  const { messageId, to, text, media, buttons, template } = message;
  const isPlain = media === null && buttons.length === 0 && template === null;
  const accompaniment = isPlain ? null : JSON.stringify({ media, buttons, template });
  return [messageId, to, text, handedOverAt, at, providerId, FAILED, DELIVERED, READ, line, accompaniment];
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
  const { line, accompaniment } = row;
  const plain: Accompaniment = { media: null, buttons: [], template: null };
  return {
    ...(typeof accompaniment === "string" ? JSON.parse(accompaniment) : plain),
    message_id: String(row["message_id"]),
    line: line === "" ? null : String(line),
    to: String(row["recipient"]),
    text: String(row["text"]),
    handed_over_at: Number(row["handed_over_at"]),
    at: Number(row["at"]),
    provider_id: String(row["provider_id"]),
    receipts,
  };
}
