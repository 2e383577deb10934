/** Owns the work on one partition that this process holds: what was fetched is handled batch after batch, in its order. */
import { AppError } from "@mini-crm/core/app-error";
import type { Topic, TopicValues } from "@mini-crm/core/event/topics";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Consumer } from "@mini-crm/core/ports/event-bus";
import type { Step, StepResults } from "@mini-crm/core/ports/steps";
import { type Backoff, type CommitHandled, type DeadTopicEvent, handleBatch } from "../event-bus/delivery.ts";
import type { Record } from "./records.ts";

export interface PartitionWork {
  readonly partition: number;
  /** The offset behind what has been fetched. */
  fetchFrom(): bigint;
  /** False where enough is waiting already. */
  wantsMore(): boolean;
  /** Takes what was fetched from `from` on; what was fetched for another moment is passed over. */
  take(from: bigint, records: readonly Record[], next: bigint): void;
  /** Goes on at `offset`, where nothing can be read at `fetchFrom`. */
  jump(offset: bigint): void;
  /** Aborts the batch in hand, which may still be committed; resolves when nothing of the partition is being handled any more. */
  stop(): Promise<void>;
  /** The same of a partition that is another process's now: nothing of it is committed any more. */
  lose(): Promise<void>;
}

export interface PartitionWorkOptions<T extends Topic> {
  consumer: Consumer<T>;
  partition: number;
  /** Where the group goes on. */
  from: bigint;
  /** Ends when nothing of the partition is in hand any more from an earlier time. */
  after: Promise<void>;
  clock: Clock;
  backoff: Backoff;
  commit: <const S extends readonly Step[]>(steps: S, dead: readonly DeadTopicEvent[]) => Promise<StepResults<S>>;
  /** Hears of the offset behind what is done. */
  onHandled: (next: bigint) => void;
  /** Hears that more is wanted. */
  onRoom: () => void;
}

/** How many events wait at the least, so that the next batch is there when one is done. */
const EVENTS_AHEAD = 500;

export function startPartitionWork<T extends Topic>(options: PartitionWorkOptions<T>): PartitionWork {
  const { consumer, partition, clock, backoff, onHandled, onRoom } = options;
  const ahead = Math.max(EVENTS_AHEAD, 2 * consumer.batchSize);
  const stopping = new AbortController();
  let waiting: Record[] = [];
  let fetchFrom = options.from;
  let lost = false;
  let woken = Promise.withResolvers<void>();

  /** What was done is done for good: the group goes on behind it, and a batch that comes again begins there. */
  const done = (records: readonly Record[]): void => {
    const last = records.at(-1);
    if (last === undefined) return;
    waiting = waiting.filter(({ offset }) => offset > last.offset);
    onHandled(last.offset + 1n);
    onRoom();
  };
  const handleNext = async (): Promise<void> => {
    const batch = nextBatch(waiting, consumer.batchSize);
    const commit: CommitHandled = async (steps, dead, handled) => {
      if (lost) {
        throw new AppError("SUPERSEDED", "Another process has taken this batch over.", { retryable: true });
      }
      const results = await options.commit(steps, dead);
      done(batch.slice(0, handled));
      return results;
    };
    const events = batch.map(({ key, value }) => ({ key, value: value as TopicValues[T] }));
    const [first] = batch;
    const handling = first?.problem ? { ...consumer, handler: () => Promise.reject(new Error(first.problem ?? "")) } : consumer;
    await handleBatch({ consumer: handling, events, signal: stopping.signal, clock, backoff, commit });
  };
  const run = async (): Promise<void> => {
    await options.after;
    while (!stopping.signal.aborted) {
      woken = Promise.withResolvers<void>();
      if (waiting.length > 0) await handleNext();
      else await woken.promise;
    }
  };
  const stopped = run();
  const stop = (): Promise<void> => {
    stopping.abort();
    woken.resolve();
    return stopped;
  };

  return {
    partition,
    fetchFrom: () => fetchFrom,
    wantsMore: () => waiting.length < ahead && !stopping.signal.aborted,
    take(from, records, next) {
      if (from !== fetchFrom || stopping.signal.aborted) return;
      waiting.push(...records);
      fetchFrom = next;
      woken.resolve();
    },
    jump(offset) {
      fetchFrom = offset;
    },
    stop,
    lose() {
      lost = true;
      return stop();
    },
  };
}

/** An event that cannot be read is a batch of its own: it takes no other with it. */
function nextBatch(waiting: readonly Record[], batchSize: number): readonly Record[] {
  const unreadable = waiting.slice(0, batchSize).findIndex(({ problem }) => problem !== null);
  return waiting.slice(0, unreadable === -1 ? batchSize : Math.max(1, unreadable));
}
