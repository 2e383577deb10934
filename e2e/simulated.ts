/** Owns the whole pipeline in one process under a virtual clock: engines in memory, the simulated WhatsApp, one seed. */
import { embeddedBus } from "@mini-crm/adapters/embedded-bus/bus";
import { databaseInMemory } from "@mini-crm/adapters/sqlite/database";
import { sqliteStore } from "@mini-crm/adapters/sqlite/store";
import type { SimulatorBehaviour } from "@mini-crm/adapters/whatsapp-simulator/behaviour";
import { createSimulator, type Simulator } from "@mini-crm/adapters/whatsapp-simulator/simulator";
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import type { SteeringCommand } from "@mini-crm/core/campaign/lifecycle";
import { type CampaignOptions, NO_OPTIONS } from "@mini-crm/core/campaign/options";
import { type Channel, DEFAULT_CHANNEL_ID } from "@mini-crm/core/channel/channel";
import { limitsOf, NO_LIMITS, type RateLimit, type SendingLimits } from "@mini-crm/core/channel/limits";
import { draft, importLeads, leadInputs, startOf } from "@mini-crm/core/contracts/samples";
import type { Instant } from "@mini-crm/core/instant";
import type { LeadInput } from "@mini-crm/core/lead/lead";
import type { EventBus } from "@mini-crm/core/ports/event-bus";
import type { Store } from "@mini-crm/core/ports/store";
import { type VirtualClock, virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { DEFAULT_TIMING, startWorkers, type Workers } from "@mini-crm/workers/start-workers";
import { pino } from "pino";

export const RECEIPT_WINDOW_MS = 24 * 3_600_000;
const TIMING = { ...DEFAULT_TIMING, receiptWindowMs: RECEIPT_WINDOW_MS };

export interface WorldOptions {
  seed: number;
  /** Of every simulated channel that has no limit of its own. */
  rate: RateLimit | null;
  behaviour?: Partial<SimulatorBehaviour>;
}

export interface SimulatedOptions extends WorldOptions {
  leads: number;
  options?: Partial<CampaignOptions>;
  /** What is known of the lead with this number besides its name and phone. */
  lead?: (index: number) => Partial<LeadInput>;
}

/** Engines in memory and the simulated WhatsApp; nothing works on them yet. */
export interface World {
  clock: VirtualClock;
  store: Store;
  /** What a backend would commit with. */
  bus: EventBus;
  simulator: Simulator;
  /** The simulated WhatsApp of another channel, whatever its kind. */
  simulatorOf(channelId: string): Simulator;
  /** Starts workers of this name; with `onBus` on that bus, otherwise on one of their own, as another process has it. */
  work(worker: string, onBus?: EventBus): Promise<Workers>;
  /** Moves time on until `done`, at most `mostMs` of it; rejects where that was not enough. */
  advanceUntil(done: () => Promise<boolean>, mostMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface Simulated extends World {
  workers: Workers;
  campaign(): Promise<Campaign>;
  steer(command: SteeringCommand): Promise<void>;
}

const LOG = pino({ level: "silent" });
/** On one bus, commits wake its consumers; nobody else commits. */
const ALONE = { pollMs: 10_000, ownedForMs: 60_000 };
/** In memory no bus sees what another one has committed: each looks by itself, four times in `ownedForMs`. */
const AMONG_OTHERS = { pollMs: 250, ownedForMs: 1_000 };

export function openWorld({ seed, rate, behaviour = {} }: WorldOptions): World {
  const clock = virtualClock({ seed });
  const database = databaseInMemory(clock);
  const store = sqliteStore(database);
  const bus = embeddedBus({ database, clock, owner: "simulated", ...ALONE });
  const simulators = new Map<string, Simulator>();
  const simulatorOf = (channelId: string): Simulator => {
    const known = simulators.get(channelId) ?? createSimulator({ file: ":memory:", clock, seed, behaviour });
    simulators.set(channelId, known);
    return known;
  };
  const access = {
    open: async ({ _id }: Channel) => simulatorOf(_id),
    limitsOf: (channel: Channel, _health: unknown, now: Instant) => limitsIn(channel, rate, now),
  };
  const buses = [bus];
  const working: Workers[] = [];

  return {
    clock,
    store,
    bus,
    simulator: simulatorOf(DEFAULT_CHANNEL_ID),
    simulatorOf,
    async work(worker, onBus) {
      const own = onBus ?? embeddedBus({ database, clock, owner: worker, ...AMONG_OTHERS });
      if (onBus === undefined) buses.push(own);
      const deps = { store, bus: own, clock, log: LOG, worker };
      const workers = await startWorkers(deps, access, TIMING);
      working.push(workers);
      return workers;
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
      const closing = Promise.all(working.map((workers) => workers.close())).then(() => {
        closed = true;
      });
      while (!closed) await clock.advance(1_000);
      await closing;
      for (const each of buses) await each.close();
      for (const simulator of simulators.values()) simulator.close();
      await database.close();
    },
  };
}

/** The simulator has whatever limit a test wants; of the other kinds, the product's own limits hold. */
function limitsIn(channel: Channel, rate: RateLimit | null, now: Instant): SendingLimits {
  const { settings, messages_per_minute } = channel;
  if (settings.kind !== "simulator") return limitsOf(channel, { perMinute: 0, recipientsPerDay: null }, now);
  return { ...NO_LIMITS, rate: messages_per_minute === null ? rate : { messages: messages_per_minute, windowMs: 61_000 } };
}

/** A started pipeline with a campaign that runs to `leads` recipients. */
export async function openSimulated(simulation: SimulatedOptions): Promise<Simulated> {
  const { leads, options = {}, lead = () => ({}) } = simulation;
  const world = openWorld(simulation);
  const { clock, store, bus } = world;
  const workers = await world.work("simulated", bus);

  const inputs = leadInputs(leads).map((input, index) => ({ ...input, ...lead(index) }));
  await importLeads(store, inputs, clock.now());
  const created = draft({ options: { ...NO_OPTIONS, ...options }, created_at: clock.now(), updated_at: clock.now() });
  await store.campaigns.create(created);
  const start = startOf(created, { expected: leads });
  await bus.commit([
    { step: "start", input: { ...start.input, frozen: { ...start.input.frozen, cutoff: clock.now() }, now: clock.now() } },
  ]);

  return {
    ...world,
    workers,
    async campaign() {
      const campaign = await store.campaigns.read(created._id);
      if (campaign === null) throw new Error("The campaign is gone");
      return campaign;
    },
    async steer(command) {
      await bus.commit([{ step: "steer", input: { campaign_id: created._id, command, now: clock.now() } }]);
    },
  };
}
