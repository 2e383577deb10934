/** Owns the whole pipeline in one process under a virtual clock: engines in memory, the simulated WhatsApp, one seed. */
import { embeddedBus } from "@mini-crm/adapters/embedded-bus/bus";
import { databaseInMemory } from "@mini-crm/adapters/sqlite/database";
import { sqliteStore } from "@mini-crm/adapters/sqlite/store";
import type { SimulatorBehaviour } from "@mini-crm/adapters/whatsapp-simulator/behaviour";
import { createSimulator, type Simulator } from "@mini-crm/adapters/whatsapp-simulator/simulator";
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import type { SteeringCommand } from "@mini-crm/core/campaign/lifecycle";
import { type CampaignOptions, NO_OPTIONS } from "@mini-crm/core/campaign/options";
import { draft, importLeads, leadInputs, startOf } from "@mini-crm/core/contracts/samples";
import type { LeadInput } from "@mini-crm/core/lead/lead";
import type { EventBus } from "@mini-crm/core/ports/event-bus";
import type { RateLimit, Store } from "@mini-crm/core/ports/store";
import { type VirtualClock, virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { startWorkers, type Workers } from "@mini-crm/workers/start-workers";
import { pino } from "pino";

export const RECEIPT_WINDOW_MS = 24 * 3_600_000;
const TIMING = { leaseMs: 30_000, sendTimeoutMs: 20_000, recoverEveryMs: 1_000, receiptWindowMs: RECEIPT_WINDOW_MS };

export interface SimulatedOptions {
  seed: number;
  leads: number;
  rate: RateLimit | null;
  behaviour?: Partial<SimulatorBehaviour>;
  options?: Partial<CampaignOptions>;
  /** What is known of the lead with this number besides its name and phone. */
  lead?: (index: number) => Partial<LeadInput>;
}

export interface Simulated {
  clock: VirtualClock;
  store: Store;
  bus: EventBus;
  simulator: Simulator;
  workers: Workers;
  campaign(): Promise<Campaign>;
  steer(command: SteeringCommand): Promise<void>;
  /** Moves time on until `done`, at most `mostMs` of it; rejects where that was not enough. */
  advanceUntil(done: () => Promise<boolean>, mostMs: number): Promise<void>;
  close(): Promise<void>;
}

/** A started pipeline with a campaign that runs to `leads` recipients. */
export async function openSimulated(simulation: SimulatedOptions): Promise<Simulated> {
  const { seed, leads, rate, behaviour = {}, options = {}, lead = () => ({}) } = simulation;
  const clock = virtualClock({ seed });
  const database = databaseInMemory(clock);
  const store = sqliteStore(database);
  const bus = embeddedBus({ database, clock, owner: "simulated", pollMs: 10_000, ownedForMs: 60_000 });
  const simulator = createSimulator({ file: ":memory:", clock, seed, behaviour });
  const log = pino({ level: "silent" });
  const deps = { store, bus, clock, log, worker: "simulated" };
  const workers = await startWorkers(deps, [{ id: "default", provider: simulator, rate }], TIMING);

  const inputs = leadInputs(leads).map((input, index) => ({ ...input, ...lead(index) }));
  await importLeads(store, inputs, clock.now());
  const created = draft({ options: { ...NO_OPTIONS, ...options }, created_at: clock.now(), updated_at: clock.now() });
  await store.campaigns.create(created);
  const start = startOf(created, { expected: leads });
  await bus.commit([
    { step: "start", input: { ...start.input, frozen: { ...start.input.frozen, cutoff: clock.now() }, now: clock.now() } },
  ]);

  return {
    clock,
    store,
    bus,
    simulator,
    workers,
    async campaign() {
      const campaign = await store.campaigns.read(created._id);
      if (campaign === null) throw new Error("The campaign is gone");
      return campaign;
    },
    async steer(command) {
      await bus.commit([{ step: "steer", input: { campaign_id: created._id, command, now: clock.now() } }]);
    },
    async advanceUntil(done, mostMs) {
      const end = clock.now() + mostMs;
      while (clock.now() < end) {
        if (await done()) return;
        await clock.advance(1_000);
      }
      if (!(await done())) throw new Error(`Not done after ${mostMs / 1000} s`);
    },
    async close() {
      // The way down waits for time to pass, too.
      let closed = false;
      const closing = workers.close().then(() => {
        closed = true;
      });
      while (!closed) await clock.advance(1_000);
      await closing;
      await bus.close();
      simulator.close();
      await database.close();
    },
  };
}
