/** Owns the order in which a bus commits over a store on another engine, and takes up what a crash in between has left. */
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Step, StepResults } from "@mini-crm/core/ports/steps";
import type { Store } from "@mini-crm/core/ports/store";

export interface OutboxOptions {
  store: Pick<Store, "carryOut" | "outbox">;
  publish: (events: readonly TopicEvent[]) => Promise<void>;
  clock: Clock;
  /** Hears of everything that could not be published yet. */
  onError: (error: unknown) => void;
}

export interface OutboxRelay {
  /**
   * Carries out steps and publishes what they raise. Rejects only where the steps were not carried out: what cannot be published
   * now stays in the outbox, and is published by whoever looks there next.
   */
  commit<const S extends readonly Step[]>(steps: S): Promise<StepResults<S>>;
  /** Stops looking; resolves when the look in hand is over. */
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 1_000;
const MOST_FAILURES = 3;
/** The most entries that one look reads. */
const ENTRIES_PER_LOOK = 200;

/** Every process on the store runs one. Events may be published twice, by two relays or after a crash: consumers know that. */
export function startOutboxRelay({ store, publish, clock, onError }: OutboxOptions): OutboxRelay {
  const { outbox } = store;
  const closing = new AbortController();
  let seen = new Set<string>();

  /** An entry that is still there after a whole round is nobody's any more: the process that wrote it failed to publish it. */
  const look = async (): Promise<void> => {
    const entries = await outbox.unpublished(ENTRIES_PER_LOOK);
    const left = entries.filter(({ _id }) => seen.has(_id));
    seen = new Set(entries.map(({ _id }) => _id));
    const published: string[] = [];
    let failures = 0;
    // Each by itself, so that one that cannot be published holds up no other; after some failures, it is an outage.
    for (const { _id, events } of left) {
      if (closing.signal.aborted || failures === MOST_FAILURES) break;
      try {
        await publish(events);
        published.push(_id);
      } catch (error) {
        failures += 1;
        onError(error);
      }
    }
    if (published.length > 0) await outbox.published(published);
  };
  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await clock.sleep(LOOK_EVERY_MS, closing.signal);
      if (!closing.signal.aborted) await look().catch(onError);
    }
  };
  const stopped = run();

  return {
    async commit<const S extends readonly Step[]>(steps: S): Promise<StepResults<S>> {
      if (steps.length === 0) return [] as StepResults<S>;
      const { results, raised, outbox_id } = await store.carryOut(steps);
      if (outbox_id === null) return results;
      // The order is what keeps events from being lost: they leave the outbox only when they are durable elsewhere.
      try {
        await publish(raised);
        await outbox.published([outbox_id]);
      } catch (error) {
        onError(error);
      }
      return results;
    },
    async close() {
      closing.abort();
      await stopped;
    },
  };
}
