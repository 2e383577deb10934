/** Owns the reading of partitions: one open question to each broker, for all partitions there that want more. */
import { type Consumer, findErrorBy, ListOffsetTimestamps } from "@platformatic/kafka";
import { type Backoff, waitMs } from "../event-bus/delivery.ts";
import { type Cluster, causeOf } from "./cluster.ts";
import type { PartitionWork } from "./partition-work.ts";
import { recordsOf } from "./records.ts";

export interface FetchingOptions {
  cluster: Cluster;
  reader: Consumer;
  topic: string;
  backoff: Backoff;
  /** The partitions that are this process's now. */
  held: () => Iterable<PartitionWork>;
  /** Hears how many partitions the topic has. */
  onPartitions: (count: number) => void;
  onError: (error: unknown) => void;
}

export interface Fetching {
  /** Asks for what is wanted now. */
  wake(): void;
  close(): Promise<void>;
}

/** How long a broker holds an answer back while there is nothing; a partition that wants more again waits as long at the most. */
const HOW_MUCH = { minBytes: 1, maxBytes: 8_000_000, maxWaitTime: 250 };
const UNKNOWN_EPOCHS = { currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes: 1_000_000 };
const TIMEOUT_MS = 6_000;

export function startFetching({ cluster, reader, topic, backoff, held, onPartitions, onError }: FetchingOptions): Fetching {
  const { clock } = cluster;
  const closing = new AbortController();
  const asked = new Map<number, Promise<void>>();
  let looking: Promise<void> | null = null;
  let failures = 0;

  const wake = (): void => {
    if (!closing.signal.aborted) looking ??= look();
  };
  /** Asks every broker that is not being asked already. */
  const look = async (): Promise<void> => {
    try {
      const metadata = await cluster.answer("telling its partitions", TIMEOUT_MS, () => reader.metadata({ topics: [topic] }));
      const known = metadata.topics.get(topic);
      if (known === undefined) throw new Error(`The topic ${topic} is gone`);
      onPartitions(known.partitionsCount);
      const wanted = [...held()].filter((work) => work.wantsMore());
      const byLeader = Map.groupBy(wanted, ({ partition }) => known.partitions[partition]?.leader ?? -1);
      for (const [node, works] of byLeader) {
        if (asked.has(node)) continue;
        asked.set(
          node,
          ask(node, known.id, works).finally(() => {
            asked.delete(node);
            wake();
          }),
        );
      }
      looking = null;
    } catch (error) {
      await failed(error);
      looking = null;
      wake();
    }
  };
  const ask = async (node: number, topicId: string, works: readonly PartitionWork[]): Promise<void> => {
    const from = new Map(works.map((work) => [work, work.fetchFrom()]));
    const partitions = [...from].map(([{ partition }, fetchOffset]) => ({ ...UNKNOWN_EPOCHS, partition, fetchOffset }));
    try {
      const response = await cluster.answer("fetching events", TIMEOUT_MS, () =>
        reader.fetch({ ...HOW_MUCH, node, topics: [{ topicId, partitions }] }),
      );
      failures = 0;
      for (const [work, offset] of from) {
        const { records, next } = recordsOf(response, work.partition, offset);
        work.take(offset, records, next);
      }
    } catch (error) {
      await failed(error);
      if (findErrorBy(causeOf(error), "apiId", "OFFSET_OUT_OF_RANGE"))
        await jumpToOldest(cluster, reader, topic, works).catch(onError);
    }
  };
  const failed = async (error: unknown): Promise<void> => {
    if (closing.signal.aborted) return;
    onError(error);
    reader.clearMetadata();
    await clock.sleep(waitMs(backoff, failures), closing.signal);
    failures += 1;
  };

  return {
    wake,
    async close() {
      closing.abort();
      await reader.close(true).catch(onError);
      await looking;
      await Promise.all(asked.values());
    },
  };
}

/** What a group had still to read is gone from the topic, or the topic was made anew: it goes on with the oldest there is. */
async function jumpToOldest(cluster: Cluster, reader: Consumer, topic: string, works: readonly PartitionWork[]): Promise<void> {
  const [oldest, newest] = await cluster.answer("telling its offsets", TIMEOUT_MS, () =>
    Promise.all([
      reader.listOffsets({ topics: [topic], timestamp: ListOffsetTimestamps.EARLIEST }),
      reader.listOffsets({ topics: [topic], timestamp: ListOffsetTimestamps.LATEST }),
    ]),
  );
  for (const work of works) {
    const first = oldest.get(topic)?.[work.partition];
    const end = newest.get(topic)?.[work.partition];
    if (first === undefined || end === undefined) continue;
    if (work.fetchFrom() < first || work.fetchFrom() > end) work.jump(first);
  }
}
