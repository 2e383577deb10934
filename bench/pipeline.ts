/** Owns the benchmark of the whole pipeline: a campaign from its start to COMPLETED, against the same row changes bare. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { embeddedBus } from "@mini-crm/adapters/embedded-bus/bus";
import { openDatabase } from "@mini-crm/adapters/sqlite/database";
import { sqliteStore } from "@mini-crm/adapters/sqlite/store";
import { systemClock } from "@mini-crm/adapters/system-clock/system-clock";
import { createSimulator } from "@mini-crm/adapters/whatsapp-simulator/simulator";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { draft, startOf } from "@mini-crm/core/contracts/samples";
import { createLog } from "@mini-crm/runtime/log";
import { DEFAULT_TIMING, startWorkers } from "@mini-crm/workers/start-workers";
import { runBare } from "./bare-pipeline.ts";
import { databaseOf } from "./leads.ts";
import { type Benchmark, demand, leadsFor, median, perSecond, timed, until } from "./measure.ts";

const ROUNDS = 3;
const TEMPLATE = `Hi {{name}}! 🎉 As a valued customer who has spent \${{total_spend}} with us, enjoy this exclusive 25% discount: PREMIUM25. Thank you for {{visits}} visits!`;
const AT_ONCE = { fromMs: 0, toMs: 0 };
/** Accepts everything at once, and its answer is all it says of SENT: so each row changes as often as in the bare version. */
const WITHOUT_LIMITS = { latency: AT_ONCE, sentAfter: null, deliveredAfter: AT_ONCE, readShare: 0 };
const RECEIPT_WINDOW_MS = 3_600_000;

export const pipelineBenchmark: Benchmark = {
  name: "pipeline",
  async run(setup) {
    const { folder, print } = setup;
    const messages = leadsFor(setup, { full: 200_000, smoke: 10_000 });
    const prepared = await databaseOf(messages, setup);
    const rates: Record<"product" | "bare", number[]> = { product: [], bare: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [side, run] of [["product", runProduct] as const, ["bare", runBare] as const]) {
        const file = join(folder, `pipeline-${side}-${round}.db`);
        await copyFile(prepared, file);
        rates[side].push(perSecond(messages, await run(file, messages)));
        print(`round ${round + 1}, ${side}: ${rates[side].at(-1)?.toFixed(0)} messages/s`);
      }
    }
    const limit = { what: "the same row changes in bare batched SQL", value: median(rates.bare) };
    const finding = {
      what: "Whole pipeline, run to COMPLETED",
      unit: "messages/s",
      figure: median(rates.product),
      limit,
    } as const;
    return [
      { ...finding, budget: { of: "ratio", atLeast: 0.4 } },
      { ...finding, budget: { of: "figure", atLeast: 20_000 } },
    ];
  },
};

/** Answers how many milliseconds the campaign took. */
async function runProduct(file: string, messages: number): Promise<number> {
  const database = await openDatabase(file);
  const store = sqliteStore(database);
  const clock = systemClock();
  const bus = embeddedBus({ database, clock, owner: "bench" });
  const provider = createSimulator({ file: `${file}-simulator.db`, clock, seed: 1, behaviour: WITHOUT_LIMITS });
  const workers = await startWorkers(
    { store, bus, clock, log: createLog("error", "bench"), worker: "bench" },
    { open: async () => provider, limitsOf: () => NO_LIMITS },
    { ...DEFAULT_TIMING, receiptWindowMs: RECEIPT_WINDOW_MS },
  );
  const stats = () => [workers.jobExpander.stats(), workers.sendWorker.stats(), workers.statusAggregator.stats()];
  const campaign = draft({ message_template: TEMPLATE });
  await store.campaigns.create(campaign);
  const tookMs = await timed(async () => {
    await bus.commit([startOf(campaign, { expected: messages })]);
    await until(() => workers.statusAggregator.stats().completed === 1, stats);
  });
  const completed = await store.campaigns.read(campaign._id);
  demand("Messages delivered", completed?.counts.DELIVERED ?? 0, messages);
  demand("Messages sent more than once", provider.sentMoreThanOnce(), 0);
  await workers.close();
  provider.close();
  await bus.close();
  await database.close();
  return tookMs;
}
