/** Owns a running consumer on Kafka: a member of its group that fetches and handles the partitions which are its own. */
import type { Topic } from "@mini-crm/core/event/topics";
import type { Consumer, Consumption } from "@mini-crm/core/ports/event-bus";
import type { Step, StepResults } from "@mini-crm/core/ports/steps";
import { ListOffsetTimestamps } from "@platformatic/kafka";
import { type Backoff, type DeadTopicEvent, waitMs } from "../event-bus/delivery.ts";
import type { Cluster } from "./cluster.ts";
import { startFetching } from "./fetching.ts";
import { startMembership } from "./membership.ts";
import { startOffsetCommits } from "./offsets.ts";
import { type PartitionWork, startPartitionWork } from "./partition-work.ts";

/** What a consumption stands on. */
export interface Surroundings {
  cluster: Cluster;
  /** The topic's and the group's names on the cluster. */
  topic: string;
  group: string;
  backoff: Backoff;
  commit: <const S extends readonly Step[]>(steps: S, dead: readonly DeadTopicEvent[]) => Promise<StepResults<S>>;
}

const TIMEOUT_MS = 6_000;

export function startConsumption<T extends Topic>(consumer: Consumer<T>, around: Surroundings): Consumption {
  const { cluster, topic, backoff, commit } = around;
  const { onError } = consumer;
  const { clock } = cluster;
  const closing = new AbortController();
  const held = new Map<number, PartitionWork>();
  /** What is left in hand of partitions that were lost: the same partition begins again only behind it. */
  const ending = new Map<number, Promise<void>>();
  let mine: readonly number[] = [];
  let taking: Promise<void> | null = null;
  let partitionsShared = 0;

  const membership = startMembership({
    ...around,
    onError,
    onAssigned(partitions, continues) {
      if (closing.signal.aborted) return;
      mine = partitions;
      for (const work of held.values()) if (!continues || !mine.includes(work.partition)) drop(work);
      taking ??= takeUp();
    },
  });
  const client = membership.consumer;
  const offsets = startOffsetCommits({ cluster, consumer: client, topic, backoff, onError });
  const fetching = startFetching({
    cluster,
    consumer: client,
    topic,
    backoff,
    onError,
    held: () => held.values(),
    onPartitions(count) {
      if (partitionsShared !== 0 && count !== partitionsShared) membership.shareAnew();
      partitionsShared = count;
    },
  });

  function drop(work: PartitionWork): void {
    held.delete(work.partition);
    offsets.forget(work.partition);
    ending.set(work.partition, work.lose());
  }
  /** Begins with the partitions that are new, once it is known where the group stands in them. */
  async function takeUp(): Promise<void> {
    for (let failures = 0; !closing.signal.aborted; ) {
      const missing = mine.filter((partition) => !held.has(partition));
      if (missing.length === 0) break;
      try {
        const from = await positionsOf(missing);
        for (const [partition, position] of from) if (mine.includes(partition)) begin(partition, position);
        failures = 0;
      } catch (error) {
        onError(error);
        await clock.sleep(waitMs(backoff, failures++), closing.signal);
      }
    }
    taking = null;
    fetching.wake();
  }
  /** Where the group goes on; in a partition it has never read, with the oldest there is, and that is noted at once. */
  function positionsOf(partitions: number[]): Promise<Map<number, bigint>> {
    return cluster.answer("telling its offsets", TIMEOUT_MS, async () => {
      const committed = (await client.listCommittedOffsets({ topics: [{ topic, partitions }] })).get(topic) ?? [];
      const oldest = (await client.listOffsets({ topics: [topic], timestamp: ListOffsetTimestamps.EARLIEST })).get(topic) ?? [];
      return new Map(
        partitions.map((partition): [number, bigint] => {
          const known = committed[partition] ?? -1n;
          if (known >= 0n) return [partition, known];
          const first = oldest[partition];
          if (first === undefined) throw new Error(`Partition ${partition} of ${topic} is not there`);
          offsets.done(partition, first);
          return [partition, first];
        }),
      );
    });
  }
  function begin(partition: number, from: bigint): void {
    const work = startPartitionWork({
      consumer,
      partition,
      from,
      after: ending.get(partition) ?? Promise.resolve(),
      clock,
      backoff,
      commit,
      onHandled(next) {
        if (held.get(partition) === work) offsets.done(partition, next);
      },
      onRoom: fetching.wake,
    });
    held.set(partition, work);
  }

  let closed: Promise<void> | null = null;
  return {
    close() {
      closed ??= (async () => {
        closing.abort();
        await Promise.all([...held.values()].map((work) => work.stop()));
        await Promise.all(ending.values());
        await fetching.close();
        await taking;
        await offsets.close();
        await membership.close();
      })();
      return closed;
    },
  };
}
