/** Owns the `EventBus` port on Kafka: a topic each, a consumer group each, and a store elsewhere whose outbox is published. */
import type { Topic, TopicEvent } from "@mini-crm/core/event/topics";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Consumer, Consumption, EventBus } from "@mini-crm/core/ports/event-bus";
import { type Backoff, DEFAULT_BACKOFF, type DeadTopicEvent } from "../event-bus/delivery.ts";
import { type OutboxOptions, startOutboxRelay } from "../event-bus/outbox-relay.ts";
import { clusterOf, type KafkaAccess } from "./cluster.ts";
import { startConsumption } from "./consumption.ts";
import { type KafkaLook, lookAtTopics } from "./look.ts";
import { createPublisher, type OutgoingRecord } from "./publisher.ts";
import { createTopics, deleteTopics, groupName, topicName } from "./topics.ts";

export interface KafkaBusOptions extends KafkaAccess {
  /** The store whose steps the bus carries out. */
  store: OutboxOptions["store"];
  clock: Clock;
  /** This process's name, as the brokers tell it. */
  owner: string;
  /** Hears of events that could not be published yet: they wait in the store. */
  onError: OutboxOptions["onError"];
  /** Stands before every topic and group, so that two installations can share a cluster. */
  topicPrefix?: string;
  /** How many partitions a missing topic is created with: as many processes can work on it at once. */
  partitions?: number;
  /** How many copies a missing topic is created with; null for what the brokers do by default. */
  replicas?: number | null;
  /** The waits between tries of whatever failed. */
  backoff?: Backoff;
}

const DEFAULT_PARTITIONS = 6;

/** Opens the bus, and creates the topics that are missing; rejects with an `AppError` where the brokers cannot be reached. */
export async function kafkaBus(options: KafkaBusOptions): Promise<EventBus> {
  const { store, clock, owner, onError, topicPrefix: prefix = "", backoff = DEFAULT_BACKOFF } = options;
  const cluster = clusterOf(options, clock, owner);
  const { partitions = DEFAULT_PARTITIONS, replicas = null } = options;
  await createTopics(cluster, { prefix, partitions, replicas });
  const publisher = createPublisher(cluster);
  const look = lookAtTopics(cluster, prefix);
  const publish = (events: readonly (TopicEvent | DeadTopicEvent)[]) =>
    publisher.send(events.map((event) => recordOf(prefix, event)));
  const relay = startOutboxRelay({ store, publish, clock, onError });
  const running = new Set<Consumption>();

  return {
    ...look,
    publish,
    commit: relay.commit,
    consume<T extends Topic>(consumer: Consumer<T>): Consumption {
      const consumption = startConsumption(consumer, {
        cluster,
        topic: topicName(prefix, consumer.topic),
        group: groupName(prefix, consumer.group),
        backoff,
        async commit(steps, dead) {
          const results = await relay.commit(steps);
          await publish(dead); // Before the group moves on: what is neither handled nor here would be lost.
          return results;
        },
      });
      running.add(consumption);
      return {
        async close() {
          await consumption.close();
          running.delete(consumption);
        },
      };
    },
    async close() {
      await Promise.all([...running].map((consumption) => consumption.close()));
      await relay.close();
      await publisher.close();
      await look.close();
    },
  };
}

/** The topics as somebody sees them who only looks: creates nothing, joins nothing. */
export function lookAtKafka(access: KafkaAccess & { clock: Clock; owner: string; topicPrefix?: string }): KafkaLook {
  return lookAtTopics(clusterOf(access, access.clock, access.owner), access.topicPrefix ?? "");
}

/** Takes this installation's topics away, with all that is in them. */
export function removeTopics(access: KafkaAccess & { clock: Clock; owner: string; topicPrefix?: string }): Promise<void> {
  return deleteTopics(clusterOf(access, access.clock, access.owner), access.topicPrefix ?? "");
}

function recordOf(prefix: string, { topic, key, value }: TopicEvent | DeadTopicEvent): OutgoingRecord {
  return { topic: `${prefix}${topic}`, key, value: JSON.stringify(value) };
}
