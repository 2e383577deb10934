/** Proves the `EventBus` contract on Kafka, and what only Kafka shows. The brokers are those that KAFKA_BROKERS names. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describeEventBus } from "@mini-crm/core/contracts/event-bus";
import { draft, startOf } from "@mini-crm/core/contracts/samples";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { Batch, Consumer, EventBus } from "@mini-crm/core/ports/event-bus";
import type { Store } from "@mini-crm/core/ports/store";
import { Admin, Consumer as KafkaConsumer, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openTemporary } from "../sqlite/temporary.ts";
import { systemClock } from "../system-clock/system-clock.ts";
import { kafkaBus, lookAtKafka } from "./bus.ts";

const clock = systemClock();

function brokersToTest(): string[] {
  const brokers = process.env["KAFKA_BROKERS"];
  if (brokers === undefined)
    throw new Error("This suite needs brokers: set KAFKA_BROKERS, or run `npm run test:engines`, which starts one.");
  return brokers.split(",");
}
const brokers = brokersToTest();

const optionsOf = (store: Store) => ({
  brokers,
  store,
  clock,
  owner: "me",
  onError: () => {},
  backoff: { firstMs: 5, mostMs: 100, tries: 3 },
});

/** Topics of its own, which are gone when it is closed. */
async function openKafka() {
  const { store, close: closeStore } = await openTemporary();
  const topicPrefix = `test-${Math.random().toString(36).slice(2)}.`;
  const buses: EventBus[] = [];
  return {
    store,
    topicPrefix,
    async connect() {
      const bus = await kafkaBus({ ...optionsOf(store), owner: `process ${buses.length}`, topicPrefix });
      buses.push(bus);
      return bus;
    },
    async close() {
      for (const bus of buses) await bus.close();
      await closeStore();
      const admin = new Admin({ clientId: "tests", bootstrapBrokers: brokers });
      await admin.deleteTopics({ topics: (await admin.listTopics()).filter((topic) => topic.startsWith(topicPrefix)) });
      await admin.close();
    },
  };
}

describeEventBus("Kafka", openKafka);

let kafka: Awaited<ReturnType<typeof openKafka>>;
let bus: EventBus;
beforeEach(async () => {
  kafka = await openKafka();
  bus = await kafka.connect();
});
afterEach(() => kafka.close());

const SOON = { timeout: 20_000 };

function job(key: string, after: string): TopicEvent<"campaign.jobs"> {
  return { topic: "campaign.jobs", key, value: { version: 1, campaign_id: key, after } };
}

/** Publishes bytes as a stranger might. */
async function publishAsIs(topic: string, values: readonly string[]): Promise<void> {
  const producer = new Producer({ clientId: "tests", bootstrapBrokers: brokers, serializers: stringSerializers });
  await producer.send({ messages: values.map((value) => ({ topic: `${kafka.topicPrefix}${topic}`, key: "k", value })) });
  await producer.close();
}

function consumeJobs(on: EventBus, handler: Consumer<"campaign.jobs">["handler"], batchSize = 10) {
  return on.consume({ topic: "campaign.jobs", group: "g", batchSize, onError: () => {}, handler });
}

test("processes come and go in the middle, and every event is handled: of one key first in the order of its events", async () => {
  const EVENTS = 600;
  const seen: { key: string; after: number }[] = [];
  const start = async () => {
    const process = await kafka.connect();
    consumeJobs(process, async ({ events }) => {
      for (const { key, value } of events) seen.push({ key, after: Number(value.after) });
      await clock.sleep(5);
    });
    return process;
  };
  const running = [await start()];
  for (let from = 0; from < EVENTS; from += 20) {
    await bus.publish(Array.from({ length: 20 }, (_, index) => job(`key ${index % 7}`, String(from + index))));
    if (from % 120 === 40) running.push(await start());
    if (from % 120 === 100) await running.shift()?.close();
  }
  await expect.poll(() => new Set(seen.map(({ after }) => after)).size, SOON).toBe(EVENTS);
  await expect.poll(() => bus.lag("campaign.jobs", "g"), SOON).toBe(0);
  for (const events of Map.groupBy(seen, ({ key }) => key).values()) {
    const first = [...new Set(events.map(({ after }) => after))];
    expect(first).toEqual(first.toSorted((a, b) => a - b));
  }
});

test("partitions that a process lost to another and got back are worked on again", async () => {
  const seen: string[] = [];
  const events = (round: string) => Array.from({ length: 40 }, (_, index) => job(`key ${index}`, round));
  const collect = (by: string) => async (batch: Batch<"campaign.jobs">) => {
    seen.push(...batch.events.map(({ value }) => `${by} ${value.after}`));
  };
  consumeJobs(bus, collect("first"));
  await bus.publish(events("alone"));
  await expect.poll(() => seen.length, SOON).toBe(40);
  const other = await kafka.connect();
  consumeJobs(other, collect("second"));
  await expect
    .poll(async () => {
      await bus.publish(events("both"));
      return seen.includes("second both");
    }, SOON)
    .toBe(true);
  await other.close();
  await expect.poll(() => bus.lag("campaign.jobs", "g"), SOON).toBe(0);
  await bus.publish(events("alone again"));
  await expect.poll(() => seen.filter((event) => event === "first alone again").length, SOON).toBe(40);
});

test("an event waits in one partition, and the others pass", async () => {
  const seen = new Set<string>();
  const waiting = Promise.withResolvers<void>();
  consumeJobs(bus, async ({ events, signal }) => {
    for (const { value } of events) seen.add(value.campaign_id);
    if (events.some(({ key }) => key === "slow")) {
      signal.addEventListener("abort", () => waiting.resolve());
      await waiting.promise;
    }
  });
  const keys = Array.from({ length: 30 }, (_, index) => `key ${index}`);
  await bus.publish([job("slow", "0")]);
  await expect.poll(() => seen.has("slow"), SOON).toBe(true);
  for (let round = 0; round < 20; round += 1) await bus.publish([job("slow", "1"), ...keys.map((key) => job(key, "1"))]);
  await expect.poll(() => seen.size, SOON).toBeGreaterThan(20);
  expect(seen.size).toBeLessThan(keys.length + 1); // Those that share the slow one's partition wait with it.
});

test("what a process had in hand when it closed comes again, although others of its partitions went on", async () => {
  const first = await kafka.connect();
  const handled: string[] = [];
  consumeJobs(first, async ({ events, signal }) => {
    for (const { value } of events) {
      if (value.campaign_id === "stuck")
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("given back"))));
      handled.push(value.campaign_id);
    }
  });
  await bus.publish([job("stuck", "0"), ...Array.from({ length: 40 }, (_, index) => job(`key ${index}`, "0"))]);
  await expect.poll(() => handled.length, SOON).toBeGreaterThan(20);
  await first.close();
  const left = await bus.lag("campaign.jobs", "g");
  expect(left).toBe(41 - handled.length);
  consumeJobs(bus, async ({ events }) => void handled.push(...events.map(({ value }) => value.campaign_id)));
  await expect.poll(() => new Set(handled).size, SOON).toBe(41);
});

test("anybody can read the events: the key is text, the value is JSON with a version", async () => {
  await bus.publish([job("campaign 1", "lead 1")]);
  const reader = new KafkaConsumer({
    clientId: "anybody",
    bootstrapBrokers: brokers,
    groupId: `${kafka.topicPrefix}anybody`,
    deserializers: stringDeserializers,
  });
  const stream = await reader.consume({ topics: [`${kafka.topicPrefix}campaign.jobs`], mode: "earliest", autocommit: true });
  const messages: { key: string; value: unknown }[] = [];
  stream.on("data", ({ key, value }) => messages.push({ key, value: JSON.parse(value) }));
  const value = { version: 1, campaign_id: "campaign 1", after: "lead 1" };
  await expect.poll(() => messages, SOON).toEqual([{ key: "campaign 1", value }]);
  await reader.close(true);
  expect(await bus.lags("campaign.jobs")).toEqual([]); // A stranger's group is none of ours.
});

test("what is no event goes to the dead letters with the reason, and takes no other with it", async () => {
  const seen: (string | null)[] = [];
  consumeJobs(bus, async ({ events }) => void seen.push(...events.map(({ value }) => value.after)));
  const good = (after: string) => JSON.stringify(job("k", after).value);
  await publishAsIs("campaign.jobs", [good("1"), "no JSON", good("2"), `{"version":2}`, good("3")]);
  await expect.poll(() => seen, SOON).toEqual(["1", "2", "3"]);
  expect(await bus.deadLetters("campaign.jobs", 10)).toEqual([
    { key: "k", value: "no JSON", reason: "The event is not JSON" },
    { key: "k", value: { version: 2 }, reason: "The event's version must be 1, but is 2" },
  ]);
  expect(await bus.deadLetters("campaign.jobs", 1)).toHaveLength(1);
  await expect.poll(() => bus.lag("campaign.jobs", "g"), SOON).toBe(0);
});

test("more events than one request may hold are published in several", async () => {
  const long = "x".repeat(10_000);
  await bus.publish(Array.from({ length: 300 }, (_, index) => job("k", `${index} ${long}`)));
  const seen: number[] = [];
  consumeJobs(bus, async ({ events }) => void seen.push(...events.map(({ value }) => Number.parseInt(value.after ?? "", 10))));
  await expect.poll(() => seen.length, SOON).toBe(300);
  expect(seen).toEqual(Array.from({ length: 300 }, (_, index) => index));
});

test("partitions that are added while consumers run are read as well", async () => {
  const seen = new Set<string>();
  consumeJobs(bus, async ({ events }) => {
    for (const { key } of events) seen.add(key);
  });
  await bus.publish([job("first", "0")]);
  await expect.poll(() => seen.size, SOON).toBe(1);
  const admin = new Admin({ clientId: "tests", bootstrapBrokers: brokers });
  await admin.createPartitions({ topics: [{ name: `${kafka.topicPrefix}campaign.jobs`, count: 12 }] });
  await admin.close();
  const other = await kafka.connect();
  await other.publish(Array.from({ length: 50 }, (_, index) => job(`key ${index}`, "0")));
  await expect.poll(() => seen.size, SOON).toBe(51);
});

test("topics that exist keep their partitions, and processes that open at once don't disturb each other", async () => {
  const topicPrefix = `${kafka.topicPrefix}again.`;
  const open = (partitions: number) => kafkaBus({ ...optionsOf(kafka.store), topicPrefix, partitions });
  const buses = await Promise.all([open(3), open(3), open(3)]);
  buses.push(await open(5));
  const admin = new Admin({ clientId: "tests", bootstrapBrokers: brokers });
  const { topics } = await admin.metadata({ topics: [`${topicPrefix}campaign.jobs`, `${topicPrefix}campaign.jobs.dead`] });
  expect([...topics.values()].map(({ partitionsCount }) => partitionsCount)).toEqual([3, 1]);
  await admin.close();
  for (const opened of buses) await opened.close();
});

test("what steps raised and their process did not live to publish is published by another", async () => {
  const campaign = draft();
  await kafka.store.campaigns.create(campaign);
  await kafka.store.carryOut([startOf(campaign)]); // And there it died.
  const seen: string[] = [];
  consumeJobs(bus, async ({ events }) => void seen.push(...events.map(({ key }) => key)));
  await expect.poll(() => seen, SOON).toEqual([campaign._id]);
  await expect.poll(() => kafka.store.outbox.unpublished(10), SOON).toEqual([]);
});

test("a broker that cannot be reached rejects in time and is named", async () => {
  const opening = kafkaBus({ ...optionsOf(kafka.store), brokers: ["127.0.0.1:1", "127.0.0.1:2"] });
  await expect(opening).rejects.toMatchObject({
    code: "BUS_UNAVAILABLE",
    retryable: true,
    message: expect.stringContaining("127.0.0.1:1, 127.0.0.1:2"),
  });
});

test("a broker that takes calls and never answers is not waited for", async () => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const look = lookAtKafka({ brokers: [`127.0.0.1:${port}`], clock, owner: "me" });
  const from = clock.now();
  await expect(look.ping()).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
  expect(clock.now() - from).toBeLessThan(4_000);
  await look.close();
  silent.close();
});
