/** Owns the benchmark of pausing: from the call to the last message that still leaves, again and again in the middle of a campaign. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { embeddedBus } from "@mini-crm/adapters/embedded-bus/bus";
import { openDatabase } from "@mini-crm/adapters/sqlite/database";
import { sqliteStore } from "@mini-crm/adapters/sqlite/store";
import { systemClock } from "@mini-crm/adapters/system-clock/system-clock";
import { createSimulator } from "@mini-crm/adapters/whatsapp-simulator/simulator";
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import type { SteeringCommand } from "@mini-crm/core/campaign/lifecycle";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { draft, startOf } from "@mini-crm/core/contracts/samples";
import { createLog } from "@mini-crm/runtime/log";
import { DEFAULT_TIMING, startWorkers } from "@mini-crm/workers/start-workers";
import { databaseOf } from "./leads.ts";
import { type Benchmark, demand, leadsFor, percentile, until } from "./measure.ts";

const PAUSES = 8;
const LATENCY = { fromMs: 50, toMs: 250 };
const RECEIPT_WINDOW_MS = 3_600_000;

export const pauseBenchmark: Benchmark = {
  name: "pause",
  async run(setup) {
    const messages = leadsFor(setup, { full: 50_000, smoke: 10_000 });
    const file = join(setup.folder, "pause.db");
    await copyFile(await databaseOf(messages, setup), file);
    const tookMs = await pauseAgainAndAgain(file, messages, setup.print);
    return [
      {
        what: `From the call to pause to the last message that leaves, the longest of ${PAUSES}`,
        unit: "ms",
        figure: percentile(tookMs, 1),
        limit: { what: "how long a message is on its way through the simulated WhatsApp, at the most", value: LATENCY.toMs },
        budget: { of: "figure", atMost: 1_000 },
      },
    ];
  },
};

/** What a process has of the engines: its own threads and connections. */
async function openProcess(file: string, owner: string) {
  const database = await openDatabase(file);
  const clock = systemClock();
  return { database, clock, store: sqliteStore(database), bus: embeddedBus({ database, clock, owner }) };
}

/** Answers for each pause how many milliseconds after the call the last message left. */
async function pauseAgainAndAgain(file: string, messages: number, print: (line: string) => void): Promise<number[]> {
  const backend = await openProcess(file, "backend");
  const { clock, ...engines } = await openProcess(file, "workers");
  const provider = createSimulator({ file: `${file}-simulator.db`, clock, seed: 1, behaviour: { latency: LATENCY } });
  const workers = await startWorkers(
    { store: engines.store, bus: engines.bus, clock, log: createLog("error", "bench"), worker: "workers" },
    { open: async () => provider, limitsOf: () => NO_LIMITS },
    { ...DEFAULT_TIMING, receiptWindowMs: RECEIPT_WINDOW_MS },
  );
  const campaign = draft();
  await backend.store.campaigns.create(campaign);
  await backend.bus.commit([startOf(campaign, { expected: messages })]);

  const left = () => provider.outbox({ page: 1, limit: 1 }).total;
  const tell = (command: SteeringCommand) =>
    backend.bus.commit([{ step: "steer", input: { campaign_id: campaign._id, command, now: clock.now() } }]);
  const tookMs: number[] = [];
  for (let pause = 1; pause <= PAUSES; pause += 1) {
    // More than left before the last pause: it is in full swing again.
    const enough = Math.max(left() + 1, Math.floor((messages * pause) / (PAUSES + 2)));
    await until(() => left() >= enough, workers.sendWorker.stats);
    // Messages leave many at a time: each pause comes at another moment between two such times.
    await new Promise((resolve) => setTimeout(resolve, (LATENCY.toMs * pause) / PAUSES));
    const calledAt = clock.now();
    await tell("pause");
    const answeredMs = clock.now() - calledAt;
    await untilAtRest(backend.store, campaign);
    const lastLeft = provider.outbox({ page: left(), limit: 1 }).items[0]?.at ?? calledAt;
    tookMs.push(Math.max(0, lastLeft - calledAt));
    print(`pause ${pause}: answered after ${answeredMs} ms, the last message left after ${tookMs.at(-1)} ms, at ${left()}`);
    await tell("resume");
  }

  await until(() => left() >= messages, workers.sendWorker.stats);
  demand("Messages that left", left(), messages);
  demand("Messages sent more than once", provider.sentMoreThanOnce(), 0);
  await workers.close();
  provider.close();
  for (const { bus, database } of [backend, engines]) {
    await bus.close();
    await database.close();
  }
  return tookMs;
}

/** Resolves when nothing of a paused campaign is claimed or on the wire. */
async function untilAtRest(store: Awaited<ReturnType<typeof openProcess>>["store"], { _id }: Campaign): Promise<void> {
  let counts = (await store.campaigns.read(_id))?.counts;
  while (counts === undefined || counts.CLAIMED + counts.SENDING > 0) counts = (await store.campaigns.read(_id))?.counts;
}
