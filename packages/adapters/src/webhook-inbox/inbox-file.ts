/** Owns the file of an inbox: what came in, in its order, and whose turn it is to deliver it. */
import { DatabaseSync } from "node:sqlite";
import { AppError } from "@mini-crm/core/app-error";
import type { Instant } from "@mini-crm/core/instant";
import { type Connection, connectionOn, number, text } from "../sqlite/connection.ts";
import { writeAhead } from "../sqlite/write-ahead.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice: who wakes up late removes nothing that has come since
    body TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS turn (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    owner TEXT NOT NULL,
    until INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS laid_aside (id INTEGER PRIMARY KEY, body TEXT NOT NULL, reason TEXT NOT NULL) STRICT;
`;

/** How long a turn lasts of somebody who does not ask again: after a crash, the next one waits as long. */
const TURN_MS = 3_000;
/** A batch ends with the entry that fills it. */
const BATCH_CHARS = 256_000;
/** The last of those that could not be delivered. */
const KEPT_ASIDE = 1_000;

/** What waits, by what it is taken out with. */
export interface Waiting {
  id: number;
  body: string;
}

interface TakeRequest {
  owner: string;
  /** All up to this one have been delivered; 0 for none. */
  delivered: number;
  /** The most entries to take. */
  limit: number;
  now: Instant;
}

export type InboxVerbs = ReturnType<typeof openInboxFile>;

/** Opens, and where needed creates, the file. Several processes may share it; an entry that was added outlives a power cut. */
export function openInboxFile(file: string) {
  const db = new DatabaseSync(file, { timeout: 10_000 });
  writeAhead(db);
  db.exec(`PRAGMA synchronous = FULL; BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
  const connection = connectionOn(db);

  return {
    /** All or none; throws an `AppError` where that were more than `mostWaiting`. */
    add(bodies: readonly string[], mostWaiting: number): void {
      connection.transaction(() => {
        if (waiting(connection) + bodies.length > mostWaiting) throw full(mostWaiting);
        for (const body of bodies) connection.run("INSERT INTO entry (body) VALUES (?)", body);
      });
    },

    waiting: (): number => waiting(connection),

    /** Takes out what was delivered, and answers what to deliver next: nothing where it is another's turn. */
    take(request: TakeRequest): Waiting[] {
      // Looked at before: a transaction would hold up those who add.
      if (request.delivered === 0 && (waiting(connection) === 0 || !mayTakeTurn(connection, request))) return [];
      // A power cut may undo this: then it is delivered once more.
      return connection.transaction(() => take(connection, request), "soon");
    },

    /** Lays an entry where nobody delivers it. */
    layAside(id: number, reason: string): void {
      connection.transaction(() => {
        connection.run("INSERT OR IGNORE INTO laid_aside SELECT id, body, ? FROM entry WHERE id = ?", reason, id);
        connection.run("DELETE FROM entry WHERE id = ?", id);
        connection.run("DELETE FROM laid_aside WHERE id NOT IN (SELECT id FROM laid_aside ORDER BY id DESC LIMIT ?)", KEPT_ASIDE);
      });
    },

    /** Takes out what was delivered, and gives the turn to whoever comes next. */
    leave(owner: string, delivered: number): void {
      connection.transaction(() => {
        connection.run("DELETE FROM entry WHERE id <= ?", delivered);
        connection.run("DELETE FROM turn WHERE owner = ?", owner);
      }, "soon");
    },

    close: (): void => connection.close(),
  };
}

/** Entries leave from the front, so that their numbers tell how many there are. */
function waiting(connection: Connection): number {
  const row = connection.get("SELECT coalesce((SELECT max(id) FROM entry) - (SELECT min(id) FROM entry) + 1, 0) AS entries");
  if (row === undefined) throw new Error("An expression gave no row");
  return number(row, "entries");
}

function take(connection: Connection, { owner, delivered, limit, now }: TakeRequest): Waiting[] {
  connection.run("DELETE FROM entry WHERE id <= ?", delivered);
  if (!mayTakeTurn(connection, { owner, now })) return [];
  const entries: Waiting[] = [];
  let chars = 0;
  for (const row of connection.iterate("SELECT id, body FROM entry ORDER BY id LIMIT ?", limit)) {
    const entry = { id: number(row, "id"), body: text(row, "body") };
    entries.push(entry);
    chars += entry.body.length;
    if (chars >= BATCH_CHARS) break;
  }
  if (entries.length === 0) connection.run("DELETE FROM turn WHERE owner = ?", owner);
  else connection.run("INSERT OR REPLACE INTO turn (one, owner, until) VALUES (1, ?, ?)", owner, now + TURN_MS);
  return entries;
}

/** A turn that ends much later than any could is from before the clock was set back. */
function mayTakeTurn(connection: Connection, { owner, now }: Pick<TakeRequest, "owner" | "now">): boolean {
  const turn = connection.get("SELECT owner, until FROM turn");
  if (turn === undefined || text(turn, "owner") === owner) return true;
  const until = number(turn, "until");
  return until <= now || until > now + 2 * TURN_MS;
}

function full(mostWaiting: number): AppError {
  return new AppError("INBOX_FULL", `${mostWaiting} webhooks wait already.`, { retryable: true });
}
