/** Owns the benchmark of Kafka's bus: publishing and consuming through the port, beside the client's own ways. */
import { kafkaBus } from "@mini-crm/adapters/kafka/bus";
import { databaseInMemory } from "@mini-crm/adapters/sqlite/database";
import { sqliteStore } from "@mini-crm/adapters/sqlite/store";
import { systemClock } from "@mini-crm/adapters/system-clock/system-clock";
import { newId } from "@mini-crm/core/contracts/samples";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import { messageId } from "@mini-crm/core/message/message";
import type { Consumption, EventBus } from "@mini-crm/core/ports/event-bus";
import { ownEngines } from "@mini-crm/runtime/own-engines";
import { Consumer, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import type { Comparison, Round } from "./engines-page.ts";
import { type EngineSetup, perSecond, timed, until } from "./measure.ts";

const ROUNDS = 3;
const EVENTS_PER_MESSAGE = 10;
const EVENTS_PER_BATCH = 2_000;
/** The client's own events go to a topic with as many partitions, and it reads the topic that the port reads. */
const PUBLISHED = "message.statuses";
const PRODUCED = "message.inbound";

export async function compareBus({ brokers, messages, print }: EngineSetup): Promise<Comparison[]> {
  const events = eventsOf(messages * EVENTS_PER_MESSAGE);
  const publishing: Round[] = [];
  const through: Round[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const measured = await measure(brokers, events);
    publishing.push(measured.publishing);
    through.push(measured.through);
    print(
      `round ${round}: published ${measured.publishing.product.toFixed(0)}/s, all the way ${measured.through.product.toFixed(0)}/s`,
    );
  }
  const unit = "events/s" as const;
  const bare = "the client's producer, in batches of 2,000";
  const bareThrough = "the client's producer and stream, nothing parsed or committed";
  return [
    { what: "Bus, publishing", unit, bare, rounds: publishing },
    { what: "Bus, publishing and consuming at once, to the last event", unit, bare: bareThrough, rounds: through },
  ];
}

type StatusEvent = TopicEvent<"message.statuses">;

function eventsOf(count: number): StatusEvent[] {
  const campaign = newId();
  return Array.from({ length: count }, () => {
    const message_id = messageId(campaign, newId());
    const value = {
      version: 1,
      message_id,
      source: "receipt",
      status: "DELIVERED",
      at: Date.now(),
      code: null,
      reason: null,
    } as const;
    return { topic: PUBLISHED, key: message_id, value };
  });
}

async function measure(brokers: string, events: readonly StatusEvent[]): Promise<{ publishing: Round; through: Round }> {
  const own = ownEngines({ KAFKA_BROKERS: brokers });
  const topicPrefix = own.settings["KAFKA_PREFIX"] ?? "";
  const clock = systemClock();
  const store = sqliteStore(databaseInMemory(clock));
  const bus = await kafkaBus({ brokers: brokers.split(","), store, clock, owner: "bench", onError: thrown, topicPrefix });
  try {
    const product = await rates(portOf(bus), events);
    const bare = await rates(await clientOf(brokers, `${topicPrefix}${PRODUCED}`), events);
    return {
      publishing: { product: product.publishing, bare: bare.publishing },
      through: { product: product.through, bare: bare.through },
    };
  } finally {
    await bus.close();
    await store.close();
    await own.remove();
  }
}

function thrown(error: unknown): never {
  throw error;
}

/** One way to publish and to consume. */
interface Way {
  publish(batch: readonly StatusEvent[]): Promise<void>;
  /** Reads from the first event on, and says how many it gets. */
  consume(onEvents: (events: number) => void): Promise<void>;
  close(): Promise<void>;
}

/** Events a second: published alone; then consumed while others are published, once the first are read and the group is at work. */
async function rates(way: Way, events: readonly StatusEvent[]): Promise<{ publishing: number; through: number }> {
  const publishAll = async () => {
    for (let start = 0; start < events.length; start += EVENTS_PER_BATCH) {
      await way.publish(events.slice(start, start + EVENTS_PER_BATCH));
    }
  };
  let seen = 0;
  const untilSeen = (count: number) =>
    until(
      () => seen >= count,
      () => seen,
    );
  const publishingMs = await timed(publishAll);
  await way.consume((count) => (seen += count));
  await untilSeen(events.length);
  const throughMs = await timed(async () => {
    await publishAll();
    await untilSeen(2 * events.length);
  });
  await way.close();
  return { publishing: perSecond(events.length, publishingMs), through: perSecond(events.length, throughMs) };
}

function portOf(bus: EventBus): Way {
  const consumptions: Consumption[] = [];
  return {
    publish: (batch) => bus.publish(batch),
    async consume(onEvents) {
      const handler = async ({ events }: { events: readonly unknown[] }) => onEvents(events.length);
      const consumer = { topic: PUBLISHED, group: "bench", batchSize: EVENTS_PER_BATCH } as const;
      consumptions.push(bus.consume({ ...consumer, handler, onError: thrown }));
    },
    async close() {
      for (const consumption of consumptions) await consumption.close();
    },
  };
}

async function clientOf(brokers: string, topic: string): Promise<Way> {
  const client = { clientId: "bench", bootstrapBrokers: brokers.split(",") };
  const producer = new Producer({ ...client, idempotent: true, serializers: stringSerializers });
  const consumer = new Consumer({ ...client, groupId: `bench-${newId()}`, deserializers: stringDeserializers });
  return {
    async publish(batch) {
      const messages = batch.map(({ key, value }) => ({ topic, key, value: JSON.stringify(value) }));
      await producer.send({ messages, acks: ALL_IN_SYNC });
    },
    async consume(onEvents) {
      const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
      stream.on("data", () => onEvents(1));
    },
    async close() {
      await consumer.close(true);
      await producer.close();
    },
  };
}

const ALL_IN_SYNC = -1;
