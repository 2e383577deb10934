/** Owns the benchmark of audience expansion: the job expander, window by window, against one statement. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { embeddedBus } from "@mini-crm/adapters/embedded-bus/bus";
import { type Connection, openConnection } from "@mini-crm/adapters/sqlite/connection";
import { openDatabase } from "@mini-crm/adapters/sqlite/database";
import { sqliteStore } from "@mini-crm/adapters/sqlite/store";
import { systemClock } from "@mini-crm/adapters/system-clock/system-clock";
import { draft, NOW, newId, startOf } from "@mini-crm/core/contracts/samples";
import { createLog } from "@mini-crm/runtime/log";
import { startJobExpander } from "@mini-crm/workers/job-expander";
import { databaseOf } from "./leads.ts";
import { type Benchmark, demand, leadsFor, median, perSecond, timed, until } from "./measure.ts";

const ROUNDS = 3;

export const expansionBenchmark: Benchmark = {
  name: "expansion",
  async run(setup) {
    const leads = leadsFor(setup, { full: 1_000_000, smoke: 20_000 });
    const file = join(setup.folder, "expansion.db");
    await copyFile(await databaseOf(leads, setup), file);
    const product = await openProduct(file);
    const raw = openConnection(file, "read-write");

    const rates: Record<"windows" | "statement", number[]> = { windows: [], statement: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      rates.windows.push(perSecond(leads, await product.expand(leads)));
      settle(raw);
      rates.statement.push(perSecond(leads, await timed(() => expandAtOnce(raw, leads))));
      settle(raw);
    }
    raw.close();
    await product.close();
    const limit = { what: "the same rows in one INSERT ... SELECT", value: median(rates.statement) };
    const what = "Audience expansion, start of a run to the last row";
    return [{ what, unit: "rows/s", figure: median(rates.windows), limit, budget: { of: "ratio", atLeast: 0.7 } }];
  },
};

async function openProduct(file: string) {
  const database = await openDatabase(file);
  const store = sqliteStore(database);
  const clock = systemClock();
  const bus = embeddedBus({ database, clock, owner: "bench" });
  const expander = startJobExpander({ store, bus, clock, log: createLog("error", "bench"), worker: "bench" });
  return {
    /** Answers how many milliseconds a campaign to everybody took. */
    async expand(leads: number): Promise<number> {
      const { processedJobs, processedLeads } = expander.stats();
      const campaign = draft();
      await store.campaigns.create(campaign);
      const tookMs = await timed(async () => {
        await bus.commit([startOf(campaign, { expected: leads })]);
        await until(() => expander.stats().processedJobs > processedJobs, expander.stats);
      });
      demand("Message rows", expander.stats().processedLeads - processedLeads, leads);
      return tookMs;
    },
    async close() {
      await expander.close();
      await bus.close();
      await database.close();
    },
  };
}

function expandAtOnce(connection: Connection, leads: number): void {
  const written = connection.transaction(
    () =>
      connection.run(
        `INSERT INTO message (campaign_id, lead_id, status, phone, attempt, created_at)
         SELECT ?, _id, 'PENDING', phones ->> 0, 0, ? FROM lead ORDER BY _id`,
        newId(),
        NOW,
      ),
    "soon",
  );
  demand("Message rows", written, leads);
}

/** Writes back what lies in the log, so that neither side pays for the other's. */
function settle(connection: Connection): void {
  connection.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}
