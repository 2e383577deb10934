import { join } from "node:path";
import { embeddedBus } from "@mini-crm/adapters/embedded-bus/bus";
import { openDatabase } from "@mini-crm/adapters/sqlite/database";
import { sqliteStore } from "@mini-crm/adapters/sqlite/store";
import { systemClock } from "@mini-crm/runtime/system-clock";
export const ruleAsMongoQuery = (rule: unknown) => ({ rule });
export async function openEngines({ dataDir }: { dataDir: string }) {
  const clock = systemClock();
  const database = await openDatabase(join(dataDir, "mini-crm.db"));
  const store = sqliteStore(database);
  const bus = embeddedBus({ database, clock, owner: "x" });
  return { store, bus, clock, owner: "x", names: { database: "sqlite", eventBus: "embedded" }, async close() { await bus.close(); await store.close(); } };
}
