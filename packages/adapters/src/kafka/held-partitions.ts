/** Owns which partitions of a topic this process works on: it takes up what it is assigned and lets go of what it has lost. */
import type { Topic } from "@mini-crm/core/event/topics";
import type { Consumer } from "@mini-crm/core/ports/event-bus";
import { type Consumer as Client, ListOffsetTimestamps } from "@platformatic/kafka";
import { waitMs } from "../event-bus/delivery.ts";
import type { Surroundings } from "./consumption.ts";
import type { OffsetCommits } from "./offsets.ts";
import { type PartitionWork, startPartitionWork } from "./partition-work.ts";

export interface HeldPartitions {
  all(): Iterable<PartitionWork>;
  /** From now on these are this process's, and no others; unless it `continues`, it begins anew with all of them. */
  assign(partitions: readonly number[], continues: boolean): void;
  /** Resolves when nothing is in hand any more. */
  close(): Promise<void>;
}

export interface HeldPartitionsOptions<T extends Topic> extends Surroundings {
  consumer: Consumer<T>;
  reader: Client;
  offsets: OffsetCommits;
  /** Hears that more is wanted. */
  onRoom: () => void;
}

const TIMEOUT_MS = 6_000;

export function holdPartitions<T extends Topic>(options: HeldPartitionsOptions<T>): HeldPartitions {
  const { consumer, cluster, offsets, onRoom, backoff } = options;
  const closing = new AbortController();
  const held = new Map<number, PartitionWork>();
  /** What is left in hand of partitions that were lost: the same partition begins again only behind it. */
  const ending = new Map<number, Promise<void>>();
  let mine: readonly number[] = [];
  let taking = Promise.resolve();

  const lose = (work: PartitionWork): void => {
    held.delete(work.partition);
    offsets.forget(work.partition);
    ending.set(work.partition, work.lose());
  };
  const begin = (partition: number, from: bigint): void => {
    const work = startPartitionWork({
      ...options,
      partition,
      from,
      after: ending.get(partition) ?? Promise.resolve(),
      clock: cluster.clock,
      onHandled(next) {
        if (held.get(partition) === work) offsets.done(partition, next);
      },
    });
    held.set(partition, work);
  };
  /** Begins with the partitions that are new, once it is known where the group stands in them. */
  const takeUp = async (): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted; failures += 1) {
      const missing = mine.filter((partition) => !held.has(partition));
      if (missing.length === 0) break;
      try {
        const positions = await positionsOf(options, missing);
        if (closing.signal.aborted) return;
        // What others have been given meanwhile is theirs, and so is what is noted of it.
        for (const { partition, from, isNew } of positions) {
          if (!mine.includes(partition)) continue;
          begin(partition, from);
          if (isNew) offsets.done(partition, from);
        }
      } catch (error) {
        consumer.onError(error);
        await cluster.clock.sleep(waitMs(backoff, failures), closing.signal);
      }
    }
    onRoom();
  };

  return {
    all: () => held.values(),
    assign(partitions, continues) {
      if (closing.signal.aborted) return;
      mine = partitions;
      for (const work of held.values()) if (!continues || !mine.includes(work.partition)) lose(work);
      taking = taking.then(takeUp);
    },
    async close() {
      closing.abort();
      await Promise.all([...[...held.values()].map((work) => work.stop()), ...ending.values()]);
      await taking;
    },
  };
}

/** Where the group goes on; in a partition that it has never read, and that is new to it, with the oldest there is. */
function positionsOf<T extends Topic>(
  { cluster, reader, topic }: HeldPartitionsOptions<T>,
  partitions: number[],
): Promise<{ partition: number; from: bigint; isNew: boolean }[]> {
  return cluster.answer("telling its offsets", TIMEOUT_MS, async () => {
    const committed = (await reader.listCommittedOffsets({ topics: [{ topic, partitions }] })).get(topic) ?? [];
    const oldest = (await reader.listOffsets({ topics: [topic], timestamp: ListOffsetTimestamps.EARLIEST })).get(topic) ?? [];
    return partitions.map((partition) => {
      const known = committed[partition] ?? -1n;
      const first = oldest[partition];
      if (first === undefined) throw new Error(`Partition ${partition} of ${topic} is not there`);
      return { partition, from: known < 0n ? first : known, isNew: known < 0n };
    });
  });
}
