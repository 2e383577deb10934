/** Owns databases that live as long as a test: real files in a folder of their own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Store } from "@mini-crm/core/ports/store";
import { insertDefaultChannel } from "./channels.ts";
import { type Database, openDatabase } from "./database.ts";
import { sqliteStore } from "./store.ts";

export interface Temporary {
  store: Store;
  database: Database;
  file: string;
  /** Takes everything out but what is always there, so that one database with its threads does for many tests. */
  empty: () => void;
  close: () => Promise<void>;
}

export async function openTemporary(): Promise<Temporary> {
  const folder = await mkdtemp(join(tmpdir(), "mini-crm-"));
  const file = join(folder, "mini-crm.db");
  const database = await openDatabase(file);
  return {
    store: sqliteStore(database),
    database,
    file,
    empty: () => empty(file),
    async close() {
      await database.close();
      await rm(folder, { recursive: true });
    },
  };
}

function empty(file: string): void {
  const db = new DatabaseSync(file, { timeout: 10_000 });
  const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all();
  db.exec("BEGIN IMMEDIATE");
  for (const { name } of tables) db.exec(name === "lead_total" ? "UPDATE lead_total SET leads = 0" : `DELETE FROM "${name}"`);
  db.exec("DELETE FROM sqlite_sequence");
  insertDefaultChannel(db, Date.now());
  db.exec("COMMIT");
  db.close();
}
