/** Owns a simulated world: one database and WhatsApp under one clock, processes over them, and the people who use them. */
import { embeddedBus } from "@mini-crm/adapters/embedded-bus/bus";
import type { Connection } from "@mini-crm/adapters/sqlite/connection";
import { sqliteStore } from "@mini-crm/adapters/sqlite/store";
import { DEFAULT_CHANNEL_ID, defaultChannel } from "@mini-crm/core/channel/channel";
import { TOPICS } from "@mini-crm/core/event/topics";
import type { MessageStatus } from "@mini-crm/core/message/message";
import type { EventBus } from "@mini-crm/core/ports/event-bus";
import type { Store } from "@mini-crm/core/ports/store";
import { type VirtualClock, virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { type Outside, openOutside } from "./outside.ts";
import { createPeople, type People } from "./people.ts";
import type { Plan } from "./plan.ts";
import type { PlantedBug } from "./planted-bugs.ts";
import { createProcesses, type Processes } from "./processes.ts";
import { type Rested, type Violate, watchPromises } from "./promises.ts";
import { createTrace, type Trace } from "./trace.ts";
import { databaseOn, type Moves, openWatchedDatabase } from "./watched-database.ts";

export interface World {
  time: VirtualClock;
  trace: Trace;
  /** The database as people use it, whose process never fails. */
  store: Store;
  bus: EventBus;
  connection: Connection;
  outsides: readonly Outside[];
  people: People;
  processes: Processes;
  /** Does something while a process is in the middle of something else. */
  atOnce(task: () => Promise<void>): void;
  /** Does something after so much time, whatever has become of whoever asked for it. */
  later(delayMs: number, task: () => Promise<void> | void): void;
  /** How many things are still to be done later. */
  inMotion(): number;
  /** Lets time pass; rejects when a promise was broken meanwhile. */
  pass(durationMs: number): Promise<void>;
  /** What there is to judge when everything has come to rest. */
  rested(): Promise<Rested>;
  close(): void;
}

export interface WorldOptions {
  seed: number;
  plan: Plan;
  bug: PlantedBug | null;
  /** With a hash of the trace, to compare runs by. */
  hashed: boolean;
}

const MOST_ROWS = 100_000;
/** How long time passes between two looks at whether something has gone wrong. */
const LOOK_EVERY_MS = 2_000;

export function createWorld({ seed, plan, bug, hashed }: WorldOptions): World {
  const time = virtualClock({ seed, settle });
  const trace = createTrace(time, { hashed });
  const violations: string[] = [];
  const violate: Violate = (violation) => {
    trace.note("BROKEN", violation);
    violations.push(violation);
  };
  const admittedBy = new Map<string, string>();
  const database = openWatchedDatabase(time, (moves) => {
    noteMoves(trace, moves);
    for (const { campaign_id, lead_id, to, worker } of moves.messages) {
      if (to === "SENDING" && worker !== null) admittedBy.set(campaign_id + lead_id, worker);
    }
    judge(moves);
  });
  const { connection } = database;
  const judge = watchPromises(connection, violate);
  const peoples = databaseOn(database.ask, (_verb, act) => act());
  const store = sqliteStore(peoples);
  const bus = embeddedBus({ database: peoples, clock: time, owner: "backend" });

  const outsides = plan.channels.map(({ id, rate, behaviour }) =>
    openOutside({
      channel: { id, rate },
      time,
      seed,
      behaviour,
      trace,
      onSecondHandOver: (message, first, by) =>
        violate(`Message ${message} was handed over by ${by}, although ${first.by} had handed it over and it may have left`),
    }),
  );
  const atOnce: World["atOnce"] = (task) => {
    void task().catch((error: unknown) => violate(`An accident failed: ${String(error)}`));
  };
  for (const { id } of plan.channels) {
    if (id !== DEFAULT_CHANNEL_ID) atOnce(() => addChannel(store, id, time.now()));
  }
  let inMotion = 0;
  const later: World["later"] = (delayMs, task) => {
    inMotion += 1;
    time.schedule(delayMs, () => {
      inMotion -= 1;
      atOnce(async () => task());
    });
  };
  const processes = createProcesses({
    seed,
    plan,
    time,
    ask: bug?.inCalls?.(database) ?? database.ask,
    outsides,
    trace,
    violate,
    atOnce,
    later,
    onDeath: (worker) => bug?.atDeath?.(database, worker),
  });
  const people = createPeople({ time, store, bus, trace });

  async function rested(): Promise<Rested> {
    const campaigns: Rested["campaigns"] = [];
    for (const { id, audience, latecomers } of people.started()) {
      const campaign = await store.campaigns.read(id);
      const { items: rows } = await store.messages.ofCampaign(id, { page: 1, limit: MOST_ROWS, status: null, code: null });
      if (campaign !== null) campaigns.push({ campaign, rows, audience, latecomers });
    }
    const deadLetters = (await Promise.all(TOPICS.map((topic) => bus.deadLetters(topic, 10)))).flat();
    const clocksDifferByMs = processes.clocksDifferByMs();
    const { unlucky } = processes;
    return { campaigns, channels: outsides.map(sentOn), unlucky, admittedBy, clocksDifferByMs, deadLetters };
  }

  return {
    time,
    trace,
    store,
    bus,
    connection,
    outsides,
    people,
    processes,
    atOnce,
    later,
    inMotion: () => inMotion,
    async pass(durationMs) {
      for (let leftMs = durationMs; leftMs >= 0 && violations.length === 0; leftMs -= LOOK_EVERY_MS) {
        await time.advance(Math.min(LOOK_EVERY_MS, leftMs));
      }
      const [first] = violations;
      if (first !== undefined) throw new Error(first);
    },
    rested,
    close() {
      for (const outside of outsides) outside.close();
      database.close();
    },
  };
}

/** After every promise that can be kept now: ticks come when no other is left, at a tenth of what a turn of the event loop costs. */
async function settle(): Promise<void> {
  await Promise.resolve();
  await new Promise<void>((resolve) => {
    process.nextTick(resolve);
  });
}

function sentOn({ channel, handedOver, outbox }: Outside): Rested["channels"][number] {
  const sent = outbox().map(({ message_id, to, at, receipts }) => {
    const final: MessageStatus = receipts.at(-1)?.status ?? "SENT";
    return { messageId: message_id, to, handedOverAt: handedOver.get(message_id)?.at ?? at, final };
  });
  return { id: channel.id, rate: channel.rate, sent };
}

/** `PENDING>CLAIMED 3: ...`, a line for each kind of move. */
function noteMoves(trace: Trace, { messages, campaigns }: Moves): void {
  for (const { campaign_id, from, to } of campaigns) trace.note("", "  campaign", `${campaign_id} ${from}>${to}`);
  for (const [kind, moved] of Map.groupBy(messages, ({ from, to }) => `${from ?? ""}>${to}`)) {
    trace.note("", `  ${kind}`, `${moved.length}: ${moved.map(({ campaign_id, lead_id }) => campaign_id + lead_id).join(" ")}`);
  }
}

async function addChannel(store: Store, id: string, now: number): Promise<void> {
  await store.channels.create({ ...defaultChannel(now), _id: id });
}
