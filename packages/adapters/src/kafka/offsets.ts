/** Owns how a group's progress gets to the brokers: one request after the other, each with all that was done meanwhile. */
import { type Consumer, findErrorBy } from "@platformatic/kafka";
import { type Backoff, waitMs } from "../event-bus/delivery.ts";
import { type Cluster, causeOf } from "./cluster.ts";

export interface OffsetCommits {
  /** Everything of `partition` before `next` is done. Says so soon: a crash before that only repeats. */
  done(partition: number, next: bigint): void;
  /** A partition is not this process's any more: what was not committed yet, its new owner does again. */
  forget(partition: number): void;
  /** Tries once more to commit what is not committed yet. */
  close(): Promise<void>;
}

export interface OffsetCommitsOptions {
  cluster: Cluster;
  consumer: Consumer;
  topic: string;
  backoff: Backoff;
  onError: (error: unknown) => void;
}

const TIMEOUT_MS = 3_000;

export function startOffsetCommits({ cluster, consumer, topic, backoff, onError }: OffsetCommitsOptions): OffsetCommits {
  const closing = new AbortController();
  const pending = new Map<number, bigint>();
  let running: Promise<void> | null = null;

  const commitOnce = async (): Promise<boolean> => {
    const taken = [...pending];
    const offsets = taken.map(([partition, offset]) => ({ topic, partition, offset, leaderEpoch: -1 }));
    try {
      await cluster.answer("committing offsets", TIMEOUT_MS, () => consumer.commit({ offsets }));
    } catch (error) {
      // While the group is being shared out anew, the broker does not answer or refuses: what stays here is committed after that.
      if (consumer.isActive() && findErrorBy(causeOf(error), "needsRejoin", true) === null) onError(error);
      return false;
    }
    for (const [partition, offset] of taken) if (pending.get(partition) === offset) pending.delete(partition);
    return true;
  };
  const run = async (): Promise<void> => {
    for (let failures = 0; pending.size > 0 && !closing.signal.aborted; ) {
      if (await commitOnce()) failures = 0;
      else await cluster.clock.sleep(waitMs(backoff, failures++), closing.signal);
    }
    running = null;
  };

  return {
    done(partition, next) {
      pending.set(partition, next);
      running ??= run();
    },
    forget: (partition) => void pending.delete(partition),
    async close() {
      closing.abort();
      await running;
      if (pending.size > 0) await commitOnce();
    },
  };
}
