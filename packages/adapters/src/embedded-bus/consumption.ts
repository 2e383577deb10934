/** Owns a running consumer of the log: it waits for news, reads what is there, and has it handled partition by partition. */
import { AppError } from "@mini-crm/core/app-error";
import type { Topic, TopicValues } from "@mini-crm/core/event/topics";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Consumer } from "@mini-crm/core/ports/event-bus";
import type { Database } from "../sqlite/database.ts";
import { type Backoff, type CommitTogether, handleBatch, waitMs } from "./delivery.ts";
import { eventsOf } from "./log.ts";

/** What a consumption stands on. */
export interface Surroundings {
  database: Database;
  clock: Clock;
  owner: string;
  ownedForMs: number;
  backoff: Backoff;
  commit: CommitTogether;
}

/** Reads turn after turn until it is closed; partitions are handled side by side, each batch after the one before. */
export function startConsumption<T extends Topic>(consumer: Consumer<T>, around: Surroundings) {
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
    for (let failures = 0; !closing.signal.aborted; ) {
      woken = Promise.withResolvers<void>();
      try {
        const found = await readOn();
        failures = 0;
        if (!found) await woken.promise;
      } catch (error) {
        if (error instanceof AppError && error.code === "CLOSED") return;
        consumer.onError(error);
        await around.clock.sleep(waitMs(around.backoff, failures), closing.signal);
        failures += 1;
      }
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
