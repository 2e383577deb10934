/** Owns the `EventBus` port over the durable log: it wakes consumers, hands them batches, and commits what they did. */
import { AppError } from "@mini-crm/core/app-error";
import type { Topic, TopicEvent, TopicValues } from "@mini-crm/core/event/topics";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Consumer, Consumption, EventBus } from "@mini-crm/core/ports/event-bus";
import type { Step, StepResults } from "@mini-crm/core/ports/steps";
import type { Database } from "../sqlite/database.ts";
import { type Backoff, type CommitTogether, handleBatch } from "./delivery.ts";
import { batchesOf, type DeadTopicEvent, eventsOf, type Position } from "./log.ts";

export interface EmbeddedBusOptions {
  /** The database that holds the store: the log lies beside it, so that one transaction covers both. */
  database: Database;
  clock: Clock;
  /** This process's name, different from every other's. */
  owner: string;
  /** How often commits of other processes are looked for. */
  pollMs?: number;
  /** How long a partition stays this process's after its last sign of life. */
  ownedForMs?: number;
  /** The waits between tries of a batch that failed. */
  backoff?: Backoff;
}

const DEFAULTS = { pollMs: 50, ownedForMs: 10_000, backoff: { firstMs: 100, mostMs: 5_000, tries: 3 } };

/** What every group has passed is kept a little longer, for whoever looks into what happened. */
const KEPT_FOR_MS = 300_000;
const SWEEP_EVERY_MS = 60_000;

export function embeddedBus(options: EmbeddedBusOptions): EventBus {
  const { database, clock, owner } = options;
  const pollMs = options.pollMs ?? DEFAULTS.pollMs;
  const ownedForMs = options.ownedForMs ?? DEFAULTS.ownedForMs;
  const backoff = options.backoff ?? DEFAULTS.backoff;
  const running = new Set<{ topic: Topic; wake: () => void; close: () => Promise<void> }>();
  let stopWatching: (() => void) | null = null;

  const wake = (topics: readonly string[]): void => {
    for (const consumption of running) if (topics.includes(consumption.topic)) consumption.wake();
  };
  const commit = async <const S extends readonly Step[]>(
    steps: S,
    publish: readonly (TopicEvent | DeadTopicEvent)[],
    consumed: Position | null,
  ): Promise<StepResults<S>> => {
    const commit = { steps, publish: batchesOf(publish), consumed, now: clock.now() };
    const { results, topics } = await database.call("write", "commit", commit);
    wake(topics);
    return results as StepResults<S>;
  };

  /** Wakes everybody when another connection has committed, and from time to time so that partitions in hand are renewed. */
  const watch = (): void => {
    let version = -1;
    let wokenAt = clock.now();
    let sweptAt = clock.now();
    const look = async (): Promise<void> => {
      const seen = await database.call("read", "dataVersion").catch(() => version);
      if (seen !== version || clock.now() - wokenAt > ownedForMs / 4) {
        version = seen;
        wokenAt = clock.now();
        for (const consumption of running) consumption.wake();
      }
      if (clock.now() - sweptAt > SWEEP_EVERY_MS) {
        sweptAt = clock.now();
        await database.call("write", "sweepLog", sweptAt - KEPT_FOR_MS).catch(() => 0);
      }
      if (stopWatching !== null) stopWatching = clock.schedule(pollMs, () => void look());
    };
    stopWatching = clock.schedule(pollMs, () => void look());
  };

  return {
    publish: async (events) => {
      await commit([], events, null);
    },
    commit: (steps) => commit(steps, [], null),
    consume<T extends Topic>(consumer: Consumer<T>): Consumption {
      const consumption = startConsumption(consumer, { database, clock, owner, ownedForMs, backoff, commit });
      const entry = { topic: consumer.topic, ...consumption };
      running.add(entry);
      if (stopWatching === null) watch();
      return {
        close: async () => {
          await consumption.close();
          running.delete(entry);
        },
      };
    },
    lag: (topic, group) => database.call("read", "lagOf", topic, group),
    deadLetters: async (topic, limit) =>
      (await database.call("read", "deadLetters", topic, limit)).map(({ key, value }) => {
        const dead = value as { value: unknown; reason: string };
        return { key, value: dead.value, reason: dead.reason };
      }),
    ping: () => database.call("read", "ping"),
    close: async () => {
      stopWatching?.();
      stopWatching = null;
      await Promise.all([...running].map((consumption) => consumption.close()));
      running.clear();
    },
  };
}

interface Surroundings {
  database: Database;
  clock: Clock;
  owner: string;
  ownedForMs: number;
  backoff: Backoff;
  commit: CommitTogether;
}

/** Reads turn after turn until it is closed; partitions are handled side by side, each batch after the one before. */
function startConsumption<T extends Topic>(consumer: Consumer<T>, around: Surroundings) {
  const { topic, group, batchSize } = consumer;
  const closing = new AbortController();
  const inHand = new Map<number, Promise<void>>();
  let woken = Promise.withResolvers<void>();

  const wake = (): void => woken.resolve();
  const readOn = async (): Promise<boolean> => {
    const batches = await around.database.call("write", "readTurn", {
      group,
      topic,
      owner: around.owner,
      busy: [...inHand.keys()],
      batchSize,
      ownedForMs: around.ownedForMs,
      now: around.clock.now(),
    });
    for (const batch of batches) {
      const { partition } = batch;
      const events = eventsOf(batch, batchSize) as { key: string; value: TopicValues[T] }[];
      const position = { group, topic, partition, owner: around.owner, next: batch.next + events.length };
      const handled = handleBatch({ consumer, events, position, signal: closing.signal, ...around }).finally(() => {
        inHand.delete(partition);
        wake();
      });
      inHand.set(partition, handled);
    }
    return batches.length > 0;
  };
  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      woken = Promise.withResolvers<void>();
      try {
        if (await readOn()) continue;
      } catch (error) {
        if (error instanceof AppError && error.code === "CLOSED") return;
        consumer.onError(error);
        await around.clock.sleep(around.backoff.firstMs, closing.signal);
        continue;
      }
      await woken.promise;
    }
  };

  const stopped = run();
  let closed: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closed ??= (async () => {
      closing.abort();
      wake();
      await stopped;
      await Promise.all(inHand.values());
      await around.database.call("write", "letGo", group, topic, around.owner).catch(consumer.onError);
    })();
    return closed;
  };
  return { wake, close };
}
