/** Owns what is known of the people on the other side, in the outbox's file: when they last wrote, and what they want no more. */
import type { DatabaseSync } from "node:sqlite";
import type { Instant } from "@mini-crm/core/instant";

export interface Correspondents {
  /** This number's window towards `phone` begins anew at `at`. */
  wrote(phone: string, at: Instant): void;
  /** When they last wrote; null where they never did. */
  lastWrote(phone: string): Instant | null;
  /** Whether they want marketing messages from this number. */
  prefer(phone: string, value: "stop" | "resume"): void;
  hasStopped(phone: string): boolean;
  /** Whom this number wrote to by templates after `since`, the earliest first. */
  writtenTo(since: Instant): { phone: string; at: Instant }[];
}

/** Those of a line. Creates what it needs. */
export function correspondentsOf(db: DatabaseSync, line: string): Correspondents {
  db.exec(`
    CREATE TABLE IF NOT EXISTS correspondent (
      line TEXT NOT NULL, phone TEXT NOT NULL, wrote_at INTEGER, stopped INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (line, phone)
    ) STRICT, WITHOUT ROWID;`);
  const wrote = db.prepare(`
    INSERT INTO correspondent (line, phone, wrote_at) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET wrote_at = max(coalesce(wrote_at, 0), excluded.wrote_at)`);
  const prefer = db.prepare(`
    INSERT INTO correspondent (line, phone, stopped) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET stopped = excluded.stopped`);
  const read = db.prepare("SELECT wrote_at, stopped FROM correspondent WHERE line = ? AND phone = ?");
  const writtenTo = db.prepare(`
    SELECT recipient, max(at) AS at FROM sent
    WHERE line = ? AND at > ? AND json_extract(accompaniment, '$.template') IS NOT NULL GROUP BY recipient ORDER BY at`);
  return {
    wrote(phone, at) {
      wrote.run(line, phone, at);
    },
    lastWrote(phone) {
      const at = read.get(line, phone)?.["wrote_at"];
      return typeof at === "number" ? at : null;
    },
    prefer(phone, value) {
      prefer.run(line, phone, value === "stop" ? 1 : 0);
    },
    hasStopped: (phone) => read.get(line, phone)?.["stopped"] === 1,
    writtenTo: (since) => writtenTo.all(line, since).map((row) => ({ phone: String(row["recipient"]), at: Number(row["at"]) })),
  };
}
