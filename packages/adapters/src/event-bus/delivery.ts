/** Owns how one batch is brought to its end: handled and committed, tried again, taken apart, or laid among the dead letters. */
import { AppError } from "@mini-crm/core/app-error";
import type { Topic, TopicValues } from "@mini-crm/core/event/topics";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Consumer } from "@mini-crm/core/ports/event-bus";
import type { Step, StepResults } from "@mini-crm/core/ports/steps";

/** Waits double from `firstMs` to `mostMs`; after `tries` failures that are nobody's surroundings, a batch is taken apart. */
export interface Backoff {
  firstMs: number;
  mostMs: number;
  tries: number;
}

export const DEFAULT_BACKOFF: Backoff = { firstMs: 100, mostMs: 5_000, tries: 3 };

/** How long to wait after so many failures before this one. */
export function waitMs({ firstMs, mostMs }: Backoff, failures: number): number {
  return Math.min(mostMs, firstMs * 2 ** Math.min(failures, 16));
}

/** An event on its way to the dead letters of a topic. */
export interface DeadTopicEvent {
  topic: `${string}.dead`;
  key: string;
  value: unknown;
}

/**
 * Carries out steps, publishes what they raise and `dead` besides, and marks the first `handled` events of the delivery as done.
 * What is behind them is not done: no later event may be marked before them.
 */
export type CommitHandled = <const S extends readonly Step[]>(
  steps: S,
  dead: readonly DeadTopicEvent[],
  handled: number,
) => Promise<StepResults<S>>;

export interface Delivery<T extends Topic> {
  consumer: Consumer<T>;
  events: readonly { key: string; value: TopicValues[T] }[];
  signal: AbortSignal;
  clock: Clock;
  backoff: Backoff;
  commit: CommitHandled;
}

/**
 * Resolves to true when every event is done; to false when the batch is given back, because the consumer closes or another process
 * has taken over.
 */
export async function handleBatch<T extends Topic>(delivery: Delivery<T>): Promise<boolean> {
  const { consumer, clock, backoff, signal } = delivery;
  let failures = 0;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    const failure = await tryOnce(delivery);
    if (failure === null) return true;
    if (signal.aborted) return false;
    consumer.onError(failure.error);
    if (isSuperseded(failure.error)) return false;
    if (!(failure.error instanceof AppError && failure.error.retryable)) failures += 1;
    if (failures >= backoff.tries) return isolate(delivery, failure.error);
    await clock.sleep(waitMs(backoff, attempt), signal);
  }
  return false;
}

async function tryOnce<T extends Topic>(delivery: Delivery<T>): Promise<{ error: unknown } | null> {
  const { consumer, events, signal } = delivery;
  let committed = false;
  try {
    await consumer.handler({
      events,
      signal,
      commit: async (steps) => {
        if (committed) throw new Error("A batch was committed twice");
        const results = await delivery.commit(steps, [], events.length);
        committed = true;
        return results;
      },
    });
    if (!committed) await delivery.commit([], [], events.length);
    return null;
  } catch (error) {
    if (!committed) return { error };
    consumer.onError(error); // What went wrong after the commit does not bring the batch back.
    return null;
  }
}

/** One event after the other, so that only what cannot be handled is laid aside; what is given back holds up what is behind it. */
async function isolate<T extends Topic>(delivery: Delivery<T>, error: unknown): Promise<boolean> {
  const { events } = delivery;
  const [only] = events;
  if (only !== undefined && events.length === 1) return layAside(delivery, only, error);
  for (const [index, event] of events.entries()) {
    const commit: CommitHandled = (steps, dead, handled) => delivery.commit(steps, dead, index + handled);
    if (!(await handleBatch({ ...delivery, events: [event], commit }))) return false;
  }
  return true;
}

/** Tries for as long as it takes: an event that is neither handled nor among the dead letters would be lost. */
async function layAside<T extends Topic>(
  { consumer, clock, backoff, signal, commit }: Delivery<T>,
  { key, value }: { key: string; value: unknown },
  error: unknown,
): Promise<boolean> {
  const reason = error instanceof Error ? error.message : String(error);
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      await commit([], [{ topic: `${consumer.topic}.dead`, key, value: { version: 1, value, reason } }], 1);
      return true;
    } catch (failure) {
      consumer.onError(failure);
      if (isSuperseded(failure)) return false;
      await clock.sleep(waitMs(backoff, attempt), signal);
    }
  }
  return false;
}

function isSuperseded(error: unknown): boolean {
  return error instanceof AppError && error.code === "SUPERSEDED";
}
