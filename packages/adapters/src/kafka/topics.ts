/** Owns the topics as they are on the cluster: their names, and that they are there. */
import { TOPICS, type Topic } from "@mini-crm/core/event/topics";
import { Admin, Consumer, findErrorBy } from "@platformatic/kafka";
import type { Cluster } from "./cluster.ts";

export interface TopicSettings {
  /** Before every topic and group, so that two installations can share a cluster. */
  prefix: string;
  /** How many partitions a topic is created with; one that exists keeps its own. */
  partitions: number;
  /** How many copies a topic is created with; null for what the brokers do by default. */
  replicas: number | null;
}

export function topicName(prefix: string, topic: Topic | `${Topic}.dead`): string {
  return `${prefix}${topic}`;
}

/** The group's name on the cluster, where others have groups as well. */
export function groupName(prefix: string, group: string): string {
  return `${prefix}mini-crm.${group}`;
}

/** Undoes `groupName`; null for a group of somebody else's. */
export function ownGroup(prefix: string, name: string): string | null {
  const start = groupName(prefix, "");
  return name.startsWith(start) ? name.slice(start.length) : null;
}

/**
 * Looks that wait for a rate limit may wait longer than the brokers' default of seven days, and dead letters wait for a person.
 * What WhatsApp tells is kept for as long as workers may be away.
 */
const KEPT_FOREVER = -1;
const KEPT_MS = 30 * 86_400_000;
const KEPT_FOR_A_MONTH: readonly Topic[] = ["message.statuses", "message.inbound"];
const TIMEOUT_MS = 15_000;
const LOOKS = 10;
const LOOK_AGAIN_AFTER_MS = 200;

/** Creates the topics that are missing, and waits until all can be used; several processes may do so at once. */
export async function createTopics(cluster: Cluster, settings: TopicSettings): Promise<void> {
  // The waits are the client's own, which keep the process alive: when it opens its bus, nothing else may.
  const patient = { ...cluster.client, retries: LOOKS, retryDelay: LOOK_AGAIN_AFTER_MS };
  const admin = new Admin(patient);
  const reader = new Consumer({ ...patient, groupId: groupName(settings.prefix, "look") });
  const topics = TOPICS.flatMap((topic) => [topicName(settings.prefix, topic), topicName(settings.prefix, `${topic}.dead`)]);
  try {
    await cluster.answer("looking after its topics", TIMEOUT_MS, async () => {
      await createMissing(admin, settings);
      // A topic that was created a moment ago is not yet known, or not yet led, everywhere.
      await reader.listOffsets({ topics });
      // On a cluster that no group has used yet, the first that asks for one is told to come back later.
      await admin.listConsumerGroupOffsets({ groups: [groupName(settings.prefix, "look")] });
    });
  } finally {
    await Promise.allSettled([admin.close(), reader.close(true)]);
  }
}

async function createMissing(admin: Admin, { prefix, partitions, replicas }: TopicSettings): Promise<void> {
  const there = new Set(await admin.listTopics());
  const create = async (names: readonly string[], count: number, keptMs: number): Promise<void> => {
    const topics = names.filter((name) => !there.has(name));
    if (topics.length === 0) return;
    const configs = [{ name: "retention.ms", value: String(keptMs) }];
    // An event that is acknowledged then outlives a broker.
    if (replicas !== null && replicas >= 3) configs.push({ name: "min.insync.replicas", value: "2" });
    try {
      await admin.createTopics({ topics, partitions: count, configs, ...(replicas === null ? {} : { replicas }) });
    } catch (error) {
      const isThereByNow = error instanceof Error && findErrorBy(error, "apiId", "TOPIC_ALREADY_EXISTS") !== null;
      if (!isThereByNow) throw error;
    }
  };
  const named = (topics: readonly Topic[]) => topics.map((topic) => topicName(prefix, topic));
  await create(named(KEPT_FOR_A_MONTH), partitions, KEPT_MS);
  await create(named(TOPICS.filter((topic) => !KEPT_FOR_A_MONTH.includes(topic))), partitions, KEPT_FOREVER);
  // One partition, so that dead letters have an order.
  await create(
    TOPICS.map((topic) => topicName(prefix, `${topic}.dead`)),
    1,
    KEPT_FOREVER,
  );
}

/** Takes every topic of a prefix away, with all that is in it. */
export async function deleteTopics(cluster: Cluster, prefix: string): Promise<void> {
  const admin = new Admin(cluster.client);
  try {
    const own = TOPICS.flatMap((topic) => [topicName(prefix, topic), topicName(prefix, `${topic}.dead`)]);
    const there = new Set(await admin.listTopics());
    const topics = own.filter((topic) => there.has(topic));
    if (topics.length > 0) await cluster.answer("removing its topics", TIMEOUT_MS, () => admin.deleteTopics({ topics }));
  } finally {
    await admin.close();
  }
}
