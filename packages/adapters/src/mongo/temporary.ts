/** Owns databases that live as long as a test, on the server that `MONGODB_URL` names. */
import { randomBytes } from "node:crypto";
import type { Store } from "@mini-crm/core/ports/store";
import { systemClock } from "../system-clock/system-clock.ts";
import { addDefaultChannel } from "./channels.ts";
import { type MongoDatabase, openMongo } from "./database.ts";
import { mongoStore } from "./store.ts";
import type { Tables } from "./tables.ts";
import { withDatabase } from "./url.ts";

export interface TemporaryMongo {
  store: Store;
  database: MongoDatabase;
  url: string;
  /** Makes it as it was when it was opened, so that one database does for many tests. */
  empty: () => Promise<void>;
  /** Carries `work` out in a transaction that sees what was before `meanwhile`, unless it begins anew. */
  overtaken: <T>(meanwhile: () => Promise<unknown>, work: (tables: Tables) => Promise<T>) => Promise<T>;
  close: () => Promise<void>;
}

export async function openTemporaryMongo(): Promise<TemporaryMongo> {
  const url = temporaryUrl();
  const database = await openMongo(url);
  const store = mongoStore(database, systemClock());
  return {
    store,
    database,
    url,
    async empty() {
      for (const { collectionName } of await database.db.collections()) {
        if (collectionName !== "schema") await database.db.collection(collectionName).deleteMany({});
      }
      await database.write((tables) => addDefaultChannel(tables, Date.now()));
    },
    overtaken(meanwhile, work) {
      let isFirst = true;
      return database.bulkTransaction(async (tables) => {
        await tables.campaign.count({});
        if (isFirst) {
          isFirst = false;
          await meanwhile();
        }
        return work(tables);
      });
    },
    async close() {
      await database.db.dropDatabase();
      await store.close();
    },
  };
}

/** A database of its own on the server. */
export function temporaryUrl(): string {
  const server = process.env["MONGODB_URL"];
  if (server === undefined) throw new Error("MONGODB_URL names no server: run `npm run test:engines`, which starts one.");
  return withDatabase(server, `mini_crm_test_${randomBytes(6).toString("hex")}`);
}
