/** Owns the benchmark of bulk import: bytes of request bodies to indexed rows, the way that the API goes. */
import { join } from "node:path";
import { openConnection } from "@mini-crm/adapters/sqlite/connection";
import { openDatabase } from "@mini-crm/adapters/sqlite/database";
import { migrate } from "@mini-crm/adapters/sqlite/schema";
import { sqliteStore } from "@mini-crm/adapters/sqlite/store";
import type { Store } from "@mini-crm/core/ports/store";
import { type Intake, openIntake } from "@mini-crm/runtime/intake";
import { bodyOf, LEADS_PER_BODY, leadsOf, rawWriter } from "./leads.ts";
import { type Benchmark, demand, leadsFor, median, perSecond, type Setup, timed } from "./measure.ts";

const REQUESTS_IN_FLIGHT = 2;
/** Both databases grow side by side, a part at a time. */
const ROUNDS = 5;

export const importBenchmark: Benchmark = {
  name: "import",
  async run(setup) {
    const total = leadsFor(setup, { full: 1_000_000, smoke: 20_000 });
    const leads = Math.max(1, Math.round(total / ROUNDS));
    const product = await openProduct(setup);
    const raw = openRaw(setup);
    await product.importBodies(bodiesOf(0, LEADS_PER_BODY));
    await raw.write(0, LEADS_PER_BODY);

    const rates: Record<"product" | "raw", number[]> = { product: [], raw: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      const start = LEADS_PER_BODY + round * leads;
      const bodies = bodiesOf(start, leads);
      rates.product.push(perSecond(leads, await timed(() => product.importBodies(bodies))));
      rates.raw.push(perSecond(leads, await raw.write(start, leads)));
      setup.print(`${start + leads} leads: ${rates.product.at(-1)?.toFixed(0)} leads/s, raw ${rates.raw.at(-1)?.toFixed(0)}`);
    }
    await product.close();
    raw.close();
    const limit = { what: "the same rows and indexes raw, prepared statements", value: median(rates.raw) };
    const what = "Bulk import, request bodies to indexed rows";
    return [{ what, unit: "leads/s", figure: median(rates.product), limit, budget: { of: "ratio", atLeast: 0.5 } }];
  },
};

function bodiesOf(start: number, leads: number): Uint8Array[] {
  const bodies: Uint8Array[] = [];
  for (let done = 0; done < leads; done += LEADS_PER_BODY)
    bodies.push(bodyOf(start + done, Math.min(LEADS_PER_BODY, leads - done)));
  return bodies;
}

async function openProduct({ folder }: Setup) {
  const store = sqliteStore(await openDatabase(join(folder, "import.db")));
  const intake = openIntake();
  return {
    importBodies: (bodies: readonly Uint8Array[]) => importBodies(bodies, intake, store),
    async close() {
      await intake.close();
      await store.close();
    },
  };
}

async function importBodies(bodies: readonly Uint8Array[], intake: Intake, store: Store): Promise<void> {
  const waiting = bodies.values();
  const send = async (): Promise<void> => {
    for (const body of waiting) {
      const read = await intake.readLeads(body);
      if (read.kind === "refused") throw new Error(read.problem.message);
      const { inserted } = await store.leads.import(read.encoded, Date.now());
      demand("Leads inserted", inserted, read.accepted);
      demand("Leads rejected", read.rejected.length, 0);
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_IN_FLIGHT }, send));
}

function openRaw({ folder }: Setup) {
  const connection = openConnection(join(folder, "import-raw.db"), "read-write");
  migrate(connection.db, Date.now());
  const write = rawWriter(connection);
  return {
    /** Answers how many milliseconds the transactions took. */
    async write(start: number, leads: number): Promise<number> {
      let tookMs = 0;
      for (let done = 0; done < leads; done += LEADS_PER_BODY) {
        tookMs += await write(leadsOf(start + done, Math.min(LEADS_PER_BODY, leads - done)));
      }
      return tookMs;
    },
    close: connection.close,
  };
}
