/** Owns one connection to the database file: how it is opened, its transactions, and its statements. */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { registerRuleFunctions } from "./rule-query.ts";
import { writeAhead } from "./write-ahead.ts";

/** What a row holds: every column as SQLite gives it. */
export type Row = Record<string, unknown>;

export interface Connection {
  readonly db: DatabaseSync;
  /** All rows of `sql`; the statement is kept for next time. */
  all(sql: string, ...params: SQLInputValue[]): Row[];
  /** The rows of `sql` one by one, for those that are too many to hold. */
  iterate(sql: string, ...params: SQLInputValue[]): Iterable<Row>;
  /** The first row, or undefined. */
  get(sql: string, ...params: SQLInputValue[]): Row | undefined;
  /** Carries `sql` out and answers how many rows it changed. */
  run(sql: string, ...params: SQLInputValue[]): number;
  /** Runs `work` in one transaction that no other writer can come between; rolls back where it throws. */
  transaction<T>(work: () => T, durability?: Durability): T;
  /** Runs `work`, which only reads, on one moment of the database, whatever others commit meanwhile. */
  snapshot<T>(work: () => T): T;
  close(): void;
}

/**
 * `now`: on the disk before it is answered, with all that came before it. `soon`: outlives the process at once, and a power cut
 * as soon as a later commit or checkpoint is on the disk.
 */
export type Durability = "now" | "soon";

/** How many prepared statements a connection keeps; rules bring ever new SQL, so the oldest go. */
const KEPT_STATEMENTS = 256;

/** Opens `file` (`:memory:` for one that dies with the connection). */
export function openConnection(file: string, access: "read-write" | "read-only"): Connection {
  const db = new DatabaseSync(file, { readOnly: access === "read-only" });
  db.exec("PRAGMA busy_timeout = 10000; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 1073741824");
  if (access === "read-write") {
    // An import touches every index everywhere: at a million leads, what does not fit into the cache halves its speed.
    writeAhead(db);
    db.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 32000; PRAGMA cache_size = -262144");
  }
  registerRuleFunctions(db);
  return connectionOn(db);
}

/** The connection that `db` is, however it was opened. */
export function connectionOn(db: DatabaseSync): Connection {
  const statements = new Map<string, StatementSync>();

  const prepare = (sql: string): StatementSync => {
    const kept = statements.get(sql);
    if (kept !== undefined) return kept;
    const statement = db.prepare(sql);
    if (statements.size >= KEPT_STATEMENTS) {
      const oldest = statements.keys().next();
      if (!oldest.done) statements.delete(oldest.value);
    }
    statements.set(sql, statement);
    return statement;
  };

  return {
    db,
    all: (sql, ...params) => prepare(sql).all(...params),
    // A statement of its own: a kept one could be asked again while it is still being read.
    iterate: (sql, ...params) => db.prepare(sql).iterate(...params),
    get: (sql, ...params) => prepare(sql).get(...params),
    run: (sql, ...params) => Number(prepare(sql).run(...params).changes),
    transaction(work, durability = "now") {
      if (durability === "soon") db.exec("PRAGMA synchronous = NORMAL");
      db.exec("BEGIN IMMEDIATE");
      try {
        const result = work();
        db.exec("COMMIT");
        return result;
      } catch (error) {
        if (db.isTransaction) db.exec("ROLLBACK");
        throw error;
      } finally {
        if (durability === "soon") db.exec("PRAGMA synchronous = FULL");
      }
    },
    snapshot(work) {
      db.exec("BEGIN");
      try {
        return work();
      } finally {
        if (db.isTransaction) db.exec("COMMIT");
      }
    },
    close: () => db.close(),
  };
}

/** Reads a column that the schema says is text. */
export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw new TypeError(`Column ${column} holds no text`);
  return value;
}

/** Reads a column that the schema says is a number. */
export function number(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw new TypeError(`Column ${column} holds no number`);
  return value;
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

export function numberOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : number(row, column);
}
