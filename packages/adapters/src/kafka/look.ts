/** Owns what can be seen of the topics without being a member of any group: lags, dead letters, and whether somebody is there. */
import { AppError } from "@mini-crm/core/app-error";
import type { Topic } from "@mini-crm/core/event/topics";
import type { EventBus } from "@mini-crm/core/ports/event-bus";
import { Admin, Consumer, ListOffsetTimestamps } from "@platformatic/kafka";
import type { Cluster } from "./cluster.ts";
import { recordsOf } from "./records.ts";
import { groupName, ownGroup, topicName } from "./topics.ts";

export type KafkaLook = Pick<EventBus, "lag" | "lags" | "deadLetters" | "ping" | "close">;

const TIMEOUT_MS = 6_000;
const PING_TIMEOUT_MS = 3_000;

export function lookAtTopics(cluster: Cluster, prefix: string): KafkaLook {
  const admin = new Admin(cluster.client);
  const reader = new Consumer({ ...cluster.client, groupId: groupName(prefix, "look") }); // It never joins.

  /** The offsets of a topic's partitions, at its beginning or behind its end. */
  const offsetsOf = async (topic: string, timestamp: bigint): Promise<bigint[]> =>
    (await reader.listOffsets({ topics: [topic], timestamp })).get(topic) ?? [];
  /** How many events of the topic each of `groups` has not finished; those that have never read it are left out. */
  const lagsOf = async (topic: string, groups: string[]): Promise<Map<string, number>> => {
    if (groups.length === 0) return new Map();
    const listed = await admin.listConsumerGroupOffsets({ groups });
    const committed = listed.map(({ groupId, topics }) => ({
      groupId,
      at: new Map(
        topics
          .filter(({ name }) => name === topic)
          .flatMap(({ partitions }) => partitions)
          .map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]),
      ),
    }));
    // After the commits, so that what comes in between counts as lag and nothing is negative.
    const [oldest, end] = [
      await offsetsOf(topic, ListOffsetTimestamps.EARLIEST),
      await offsetsOf(topic, ListOffsetTimestamps.LATEST),
    ];
    const lag = (at: ReadonlyMap<number, bigint>): number =>
      end.reduce((sum, last, partition) => {
        const first = oldest[partition] ?? 0n;
        const known = at.get(partition) ?? -1n;
        return sum + Number(last - (known > first ? known : first));
      }, 0);
    return new Map(
      committed.filter(({ at }) => [...at.values()].some((offset) => offset >= 0n)).map(({ groupId, at }) => [groupId, lag(at)]),
    );
  };

  return {
    lag: (topic, group) =>
      cluster.answer("telling the lag", TIMEOUT_MS, async () => {
        const name = topicName(prefix, topic);
        const own = groupName(prefix, group);
        const known = (await lagsOf(name, [own])).get(own);
        if (known !== undefined) return known;
        const [oldest, end] = [
          await offsetsOf(name, ListOffsetTimestamps.EARLIEST),
          await offsetsOf(name, ListOffsetTimestamps.LATEST),
        ];
        return end.reduce((sum, last, partition) => sum + Number(last - (oldest[partition] ?? 0n)), 0);
      }),
    lags: (topic) =>
      cluster.answer("telling the lags", TIMEOUT_MS, async () => {
        const groups = [...(await admin.listGroups()).keys()].filter((group) => ownGroup(prefix, group) !== null);
        const lags = await lagsOf(topicName(prefix, topic), groups);
        return [...lags]
          .map(([group, events]) => ({ group: ownGroup(prefix, group) ?? group, events }))
          .sort((a, b) => (a.group < b.group ? -1 : 1));
      }),
    deadLetters: (topic, limit) =>
      cluster.answer("reading dead letters", TIMEOUT_MS, () => readDeadLetters(reader, prefix, topic, limit)),
    ping: async () => {
      await cluster.answer("giving a sign of life", PING_TIMEOUT_MS, () => reader.metadata({ topics: [], forceUpdate: true }));
    },
    async close() {
      await Promise.all([admin.close(), reader.close(true)]).catch(() => {});
    },
  };
}

async function readDeadLetters(reader: Consumer, prefix: string, of: Topic, limit: number) {
  const topic = topicName(prefix, `${of}.dead`);
  const offsets = async (timestamp: bigint) => (await reader.listOffsets({ topics: [topic], timestamp })).get(topic)?.[0] ?? 0n;
  const end = await offsets(ListOffsetTimestamps.LATEST);
  const letters: { key: string; value: unknown; reason: string }[] = [];
  for (let from = await offsets(ListOffsetTimestamps.EARLIEST); from < end && letters.length < limit; ) {
    const known = (await reader.metadata({ topics: [topic] })).topics.get(topic);
    const node = known?.partitions[0]?.leader;
    if (known === undefined || node === undefined)
      throw new AppError("BUS_UNAVAILABLE", `Nobody leads ${topic}.`, { retryable: true });
    const partitions = [
      { partition: 0, fetchOffset: from, currentLeaderEpoch: -1, lastFetchedEpoch: -1, partitionMaxBytes: 1_000_000 },
    ];
    const response = await reader.fetch({ node, topics: [{ topicId: known.id, partitions }], maxWaitTime: 100 });
    const { records, next } = recordsOf(response, 0, from);
    for (const { key, value } of records) {
      const dead = value as { value: unknown; reason: string };
      letters.push({ key, value: dead.value, reason: dead.reason });
    }
    if (next === from) break;
    from = next;
  }
  return letters.slice(0, limit);
}
