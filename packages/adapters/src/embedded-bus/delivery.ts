/** Owns how one batch is brought to its end: handled and committed, tried again, taken apart, or laid among the dead letters. */
import { AppError } from "@mini-crm/core/app-error";
import type { Topic, TopicEvent, TopicValues } from "@mini-crm/core/event/topics";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Consumer } from "@mini-crm/core/ports/event-bus";
import type { Step, StepResults } from "@mini-crm/core/ports/steps";
import type { DeadTopicEvent, Position } from "./log.ts";

/** Waits double from `firstMs` to `mostMs`; after `tries` failures that are nobody's surroundings, a batch is taken apart. */
export interface Backoff {
  firstMs: number;
  mostMs: number;
  tries: number;
}

/** How long to wait after so many failures before this one. */
export function waitMs({ firstMs, mostMs }: Backoff, failures: number): number {
  return Math.min(mostMs, firstMs * 2 ** Math.min(failures, 16));
}

/** Carries out steps, publishes what they raise and `publish` besides, and marks a batch as done: one transaction. */
export type CommitTogether = <const S extends readonly Step[]>(
  steps: S,
  publish: readonly (TopicEvent | DeadTopicEvent)[],
  consumed: Position | null,
) => Promise<StepResults<S>>;

export interface Delivery<T extends Topic> {
  consumer: Consumer<T>;
  events: readonly { key: string; value: TopicValues[T] }[];
  position: Position;
  signal: AbortSignal;
  clock: Clock;
  backoff: Backoff;
  commit: CommitTogether;
}

/** Resolves when the batch is committed, or given back because the consumer closes or another process has taken over. */
export async function handleBatch<T extends Topic>(delivery: Delivery<T>): Promise<void> {
  const { consumer, clock, backoff, signal } = delivery;
  let failures = 0;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const failure = await tryOnce(delivery);
    if (failure === null) return;
    if (signal.aborted) return;
    consumer.onError(failure.error);
    if (failure.error instanceof AppError && failure.error.code === "SUPERSEDED") return;
    if (!(failure.error instanceof AppError && failure.error.retryable)) failures += 1;
    if (failures >= backoff.tries) return isolate(delivery, failure.error);
    await clock.sleep(waitMs(backoff, attempt), signal);
  }
}

async function tryOnce<T extends Topic>(delivery: Delivery<T>): Promise<{ error: unknown } | null> {
  const { consumer, events, position, signal } = delivery;
  let committed = false;
  try {
    await consumer.handler({
      events,
      signal,
      commit: async (steps) => {
        if (committed) throw new Error("A batch was committed twice");
        const results = await delivery.commit(steps, [], position);
        committed = true;
        return results;
      },
    });
    if (!committed) await delivery.commit([], [], position);
    return null;
  } catch (error) {
    if (!committed) return { error };
    consumer.onError(error); // What went wrong after the commit does not bring the batch back.
    return null;
  }
}

/** One event after the other, so that only what cannot be handled is laid aside. */
async function isolate<T extends Topic>(delivery: Delivery<T>, error: unknown): Promise<void> {
  const { events, position } = delivery;
  const [only] = events;
  if (only !== undefined && events.length === 1) {
    const reason = error instanceof Error ? error.message : String(error);
    const dead: DeadTopicEvent = { topic: `${position.topic}.dead`, key: only.key, value: { value: only.value, reason } };
    await delivery.commit([], [dead], position).catch(delivery.consumer.onError);
    return;
  }
  const base = position.next - events.length;
  for (const [index, event] of events.entries()) {
    if (delivery.signal.aborted) return;
    await handleBatch({ ...delivery, events: [event], position: { ...position, next: base + index + 1 } });
  }
}
