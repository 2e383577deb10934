/** Owns what is still to be handed over of one kind, in the outbox's file: when it is due, and who hands it over. */
import type { DatabaseSync } from "node:sqlite";
import type { Instant } from "@mini-crm/core/instant";

export interface HandoverBatch<T> {
  ids: readonly number[];
  items: readonly T[];
}

export interface HandoverQueue<T> {
  /** Only one at a time hands over: tells whether that is `owner`, until `until` or its dismissal. */
  appoint(owner: string, now: Instant, until: Instant): boolean;
  dismiss(owner: string): void;
  /** When the next items are due; null where there are none. */
  nextDue(): Instant | null;
  /** Items that are due, about `most`; null where none are. They are given again until they are settled. */
  due(now: Instant, most: number): HandoverBatch<T> | null;
  /** These were heard: they don't come again. */
  settle(batch: HandoverBatch<T>): void;
}

/** What waits in a queue of this name: one or many items in a row, as JSON that only the queue's own kind reads. */
type Kind = "receipt" | "text";

export const HANDOVER_SCHEMA = `
  ${tableOf("receipt")}
  ${tableOf("text")}

  -- For each kind, of each line: who hands it over, until when unless it says so again.
  CREATE TABLE IF NOT EXISTS handover (kind TEXT PRIMARY KEY, owner TEXT NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** To run when every table has its column `line`. */
export const HANDOVER_INDEXES = `${indexOf("receipt")} ${indexOf("text")}`;

function tableOf(kind: Kind): string {
  return `
    -- AUTOINCREMENT: whoever wakes up with a batch that others have handed over must not settle what came after it.
    CREATE TABLE IF NOT EXISTS ${kind}_due (
      id INTEGER PRIMARY KEY AUTOINCREMENT, due INTEGER NOT NULL, items TEXT NOT NULL, line TEXT NOT NULL DEFAULT '') STRICT;`;
}

function indexOf(kind: Kind): string {
  return `DROP INDEX IF EXISTS ${kind}_due_due; CREATE INDEX IF NOT EXISTS ${kind}_due_line ON ${kind}_due (line, due);`;
}

const ROWS_PER_BATCH = 256;

/** The queue of a kind for a line, and how rows are added to it; `decode` appends the items of a row. */
export function handoverQueue<T>(
  db: DatabaseSync,
  kind: Kind,
  line: string,
  decode: (due: Instant, items: string, into: T[]) => void,
): { queue: HandoverQueue<T>; insert: (due: Instant, items: string) => void } {
  const insert = db.prepare(`INSERT INTO ${kind}_due (due, items, line) VALUES (?, ?, ?)`);
  const selectDue = db.prepare(
    `SELECT id, due, items FROM ${kind}_due WHERE line = ? AND due <= ? ORDER BY due, id LIMIT ${ROWS_PER_BATCH}`,
  );
  const selectNextDue = db.prepare(`SELECT min(due) AS due FROM ${kind}_due WHERE line = ?`);
  const role = line === "" ? kind : `${kind} ${line}`;
  const remove = db.prepare(`DELETE FROM ${kind}_due WHERE id IN (SELECT value FROM json_each(?))`);
  const takeOver = db.prepare(`
    INSERT INTO handover VALUES (?, ?, ?) ON CONFLICT (kind) DO UPDATE SET owner = excluded.owner, until = excluded.until
    WHERE owner = excluded.owner OR until <= ?`);
  const giveUp = db.prepare(`DELETE FROM handover WHERE kind = ? AND owner = ?`);

  const queue: HandoverQueue<T> = {
    appoint: (owner, now, until) => Number(takeOver.run(role, owner, until, now).changes) === 1,
    dismiss(owner) {
      giveUp.run(role, owner);
    },
    nextDue() {
      const due = selectNextDue.get(line)?.["due"];
      return typeof due === "number" ? due : null;
    },
    due(now, most) {
      const ids: number[] = [];
      const items: T[] = [];
      for (const row of selectDue.iterate(line, now)) {
        ids.push(Number(row["id"]));
        decode(Number(row["due"]), String(row["items"]), items);
        if (items.length >= most) break;
      }
      return ids.length === 0 ? null : { ids, items };
    },
    settle({ ids }) {
      remove.run(JSON.stringify(ids));
    },
  };
  return {
    queue,
    insert(due, items) {
      insert.run(due, items, line);
    },
  };
}
