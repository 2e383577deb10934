/** Owns databases that live as long as a test: real files in a folder of their own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store } from "@mini-crm/core/ports/store";
import { type Database, openDatabase } from "./database.ts";
import { sqliteStore } from "./store.ts";

export async function openTemporary(): Promise<{ store: Store; database: Database; file: string; close: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "mini-crm-"));
  const file = join(folder, "mini-crm.db");
  const database = await openDatabase(file);
  return {
    store: sqliteStore(database),
    database,
    file,
    async close() {
      await database.close();
      await rm(folder, { recursive: true });
    },
  };
}
