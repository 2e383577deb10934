/** Owns the `EventBus` port over the durable log: it wakes consumers, hands them batches, and commits what they did. */
import { TOPICS, type Topic } from "@mini-crm/core/event/topics";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Consumer, Consumption, EventBus } from "@mini-crm/core/ports/event-bus";
import type { StepResults } from "@mini-crm/core/ports/steps";
import type { Database } from "../sqlite/database.ts";
import { startConsumption } from "./consumption.ts";
import type { Backoff, CommitTogether } from "./delivery.ts";
import { batchesOf } from "./log.ts";
import { watchLog } from "./watch.ts";

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

export function embeddedBus(options: EmbeddedBusOptions): EventBus {
  const { database, clock, owner } = options;
  const pollMs = options.pollMs ?? DEFAULTS.pollMs;
  const ownedForMs = options.ownedForMs ?? DEFAULTS.ownedForMs;
  const backoff = options.backoff ?? DEFAULTS.backoff;
  const running = new Set<{ topic: Topic; wake: () => void; close: () => Promise<void> }>();

  const wake = (topics: readonly string[]): void => {
    for (const consumption of running) if (topics.includes(consumption.topic)) consumption.wake();
  };
  const commit: CommitTogether = async (steps, publish, consumed) => {
    const together = { steps, publish: batchesOf(publish), consumed, now: clock.now() };
    const { results, topics } = await database.call("write", "commit", together);
    wake(topics);
    return results as StepResults<typeof steps>;
  };
  const watch = watchLog(database, clock, { pollMs, wakeAtLeastEveryMs: ownedForMs / 4 }, () => wake(TOPICS));

  return {
    publish: async (events) => {
      await commit([], events, null);
    },
    commit: (steps) => commit(steps, [], null),
    consume<T extends Topic>(consumer: Consumer<T>): Consumption {
      const consumption = startConsumption(consumer, { database, clock, owner, ownedForMs, backoff, commit });
      const entry = { topic: consumer.topic, ...consumption };
      running.add(entry);
      watch.start();
      return {
        close: async () => {
          await consumption.close();
          running.delete(entry);
        },
      };
    },
    lag: (topic, group) => database.call("read", "lagOf", topic, group),
    lags: (topic) => database.call("read", "lagsOf", topic),
    deadLetters: async (topic, limit) =>
      (await database.call("read", "deadLetters", topic, limit)).map(({ key, value }) => {
        const dead = value as { value: unknown; reason: string };
        return { key, value: dead.value, reason: dead.reason };
      }),
    ping: () => database.call("read", "ping"),
    close: async () => {
      watch.stop();
      await Promise.all([...running].map((consumption) => consumption.close()));
      running.clear();
    },
  };
}
