/** Owns a running consumer of the log: it waits for news, reads what is there, and has it handled partition by partition. */
import { AppError } from "@mini-crm/core/app-error";
import type { Topic, TopicValues } from "@mini-crm/core/event/topics";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Consumer } from "@mini-crm/core/ports/event-bus";
import type { Step, StepResults } from "@mini-crm/core/ports/steps";
import { type Backoff, type CommitHandled, type DeadTopicEvent, handleBatch, waitMs } from "../event-bus/delivery.ts";
import type { Database } from "../sqlite/database.ts";
import { eventsOf, type Position } from "./log.ts";

/** Carries out steps, publishes what they raise and `dead` besides, and moves the group on: in one transaction where it can be. */
export type CommitTogether = <const S extends readonly Step[]>(
  steps: S,
  dead: readonly DeadTopicEvent[],
  consumed: Position,
) => Promise<StepResults<S>>;

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
  const inHand = new Map<number, Promise<boolean>>();
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
      const commit: CommitHandled = (steps, dead, handled) =>
        around.commit(steps, dead, { group, topic, partition, owner: around.owner, next: batch.next + handled });
      const { clock, backoff } = around;
      const handled = handleBatch({ consumer, events, signal: closing.signal, clock, backoff, commit }).finally(() => {
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
