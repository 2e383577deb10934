/** Owns the `EventBus` port over the durable log: it wakes consumers, hands them batches, and commits what they did. */
import { TOPICS, type Topic, type TopicEvent } from "@mini-crm/core/event/topics";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Consumer, Consumption, EventBus } from "@mini-crm/core/ports/event-bus";
import type { Step, StepResults } from "@mini-crm/core/ports/steps";
import { type Backoff, DEFAULT_BACKOFF, type DeadTopicEvent } from "../event-bus/delivery.ts";
import { type OutboxOptions, startOutboxRelay } from "../event-bus/outbox-relay.ts";
import type { Database } from "../sqlite/database.ts";
import { type CommitTogether, startConsumption } from "./consumption.ts";
import { batchesOf, type Position } from "./log.ts";
import { watchLog } from "./watch.ts";

export interface EmbeddedBusOptions {
  /** The database that holds the log, and the store too where `elsewhere` names no other: then one transaction covers both. */
  database: Database;
  /** The store, where it is on another engine: what its steps raise comes here by way of its outbox. */
  elsewhere?: Pick<OutboxOptions, "store" | "onError">;
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

const DEFAULTS = { pollMs: 50, ownedForMs: 10_000 };

export function embeddedBus(options: EmbeddedBusOptions): EventBus {
  const { database, clock, owner } = options;
  const pollMs = options.pollMs ?? DEFAULTS.pollMs;
  const ownedForMs = options.ownedForMs ?? DEFAULTS.ownedForMs;
  const backoff = options.backoff ?? DEFAULT_BACKOFF;
  const running = new Set<{ topic: Topic; wake: () => void; close: () => Promise<void> }>();

  const wake = (topics: readonly string[]): void => {
    for (const consumption of running) if (topics.includes(consumption.topic)) consumption.wake();
  };
  const write = async <const S extends readonly Step[]>(
    steps: S,
    publish: readonly (TopicEvent | DeadTopicEvent)[],
    consumed: Position | null,
  ): Promise<StepResults<S>> => {
    const together = { steps, publish: batchesOf(publish), consumed, now: clock.now() };
    const { results, topics } = await database.call("write", "commit", together);
    wake(topics);
    return results as StepResults<S>;
  };
  const publish = async (events: readonly TopicEvent[]): Promise<void> => {
    await write([], events, null);
  };
  const relay = options.elsewhere === undefined ? null : startOutboxRelay({ ...options.elsewhere, publish, clock });
  const commit: CommitTogether = async (steps, dead, consumed) => {
    if (relay === null) return write(steps, dead, consumed);
    const results = await relay.commit(steps);
    await write([], dead, consumed);
    return results;
  };
  const watch = watchLog(database, clock, { pollMs, wakeAtLeastEveryMs: ownedForMs / 4 }, () => wake(TOPICS));

  return {
    publish,
    commit: (steps) => (relay === null ? write(steps, [], null) : relay.commit(steps)),
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
      await relay?.close();
    },
  };
}
