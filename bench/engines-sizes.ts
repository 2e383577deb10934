/** Owns what a campaign leaves behind on Kafka and MongoDB, and what the processes need meanwhile: bytes and events. */
import { readFileSync } from "node:fs";
import type { System } from "@mini-crm/cli/drill/system";
import type { OwnEngines } from "@mini-crm/runtime/own-engines";
import { Admin } from "@platformatic/kafka";
import { MongoClient } from "mongodb";
import type { Size } from "./engines-page.ts";

/** What lies on the engines at a moment. */
export interface Stored {
  leads: Collection;
  messages: Collection;
  topics: ReadonlyMap<string, Topic>;
}

interface Collection {
  /** Of one document, as BSON. */
  bytes: number;
  /** Of all indexes, for each document, as the server tells. */
  indexBytes: number;
}

interface Topic {
  /** Of all partitions, one copy of each: the benchmark's topics have no other. */
  bytes: number;
  events: number;
}

export async function readStored({ settings }: OwnEngines): Promise<Stored> {
  const collections = await readMongo(settings["MONGODB_URL"] ?? "");
  const topics = await readTopics((settings["KAFKA_BROKERS"] ?? "").split(","), settings["KAFKA_PREFIX"] ?? "");
  return { ...collections, topics };
}

/** What a campaign of so many messages has come to, between two moments. */
export function sizesOf(before: Stored, { leads, messages, topics }: Stored, sent: number): Size[] {
  const grown = [...topics].map(([topic, { bytes, events }]) => {
    const known = before.topics.get(topic) ?? { bytes: 0, events: 0 };
    return { topic, bytes: bytes - known.bytes, events: events - known.events };
  });
  const bytesOnKafka = grown.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    { what: "A lead on MongoDB, as BSON", value: leads.bytes, unit: "bytes" },
    { what: "A lead's entries in all indexes, as the server tells", value: leads.indexBytes, unit: "bytes" },
    { what: "A message on MongoDB, as BSON", value: messages.bytes, unit: "bytes" },
    { what: "A message's entries in all indexes, as the server tells", value: messages.indexBytes, unit: "bytes" },
    { what: "On Kafka, for each message, one copy", value: bytesOnKafka / sent, unit: "bytes" },
    ...grown
      .filter(({ events }) => events > 0)
      .map(({ topic, events }): Size => ({ what: `On \`${topic}\``, value: events, unit: "events" })),
  ];
}

async function readMongo(url: string): Promise<{ leads: Collection; messages: Collection }> {
  const client = new MongoClient(url);
  try {
    const db = client.db();
    const collection = async (name: string): Promise<Collection> => {
      const stats: Record<string, unknown> = await db.command({ collStats: name });
      const count = Math.max(1, Number(stats["count"]));
      return { bytes: Number(stats["size"]) / count, indexBytes: Number(stats["totalIndexSize"]) / count };
    };
    return { leads: await collection("lead"), messages: await collection("message") };
  } finally {
    await client.close();
  }
}

async function readTopics(brokers: string[], prefix: string): Promise<Map<string, Topic>> {
  const admin = new Admin({ clientId: "mini-crm-bench", bootstrapBrokers: brokers });
  try {
    const names = (await admin.listTopics()).filter((name) => name.startsWith(prefix));
    const metadata = await admin.metadata({ topics: names });
    const partitionsOf = (name: string) =>
      Array.from({ length: metadata.topics.get(name)?.partitionsCount ?? 0 }, (_, index) => index);
    const described = await admin.describeLogDirs({ topics: names.map((name) => ({ name, partitions: partitionsOf(name) })) });
    const topics = new Map<string, Topic>();
    for (const { name, partitions } of described.flatMap(({ results }) => results.flatMap((result) => result.topics))) {
      const topic = topics.get(name.slice(prefix.length)) ?? { bytes: 0, events: 0 };
      for (const { partitionSize } of partitions) topic.bytes += Number(partitionSize);
      topics.set(name.slice(prefix.length), topic);
    }
    const ends = await admin.listOffsets({
      topics: names.map((name) => ({
        name,
        partitions: partitionsOf(name).map((partitionIndex) => ({ partitionIndex, timestamp: NEWEST })),
      })),
    });
    for (const { name, partitions } of ends) {
      const topic = topics.get(name.slice(prefix.length));
      if (topic !== undefined) topic.events = partitions.reduce((sum, { offset }) => sum + Number(offset), 0);
    }
    return topics;
  } finally {
    await admin.close();
  }
}

const NEWEST = -1n;

/** The most that each process has had in memory so far; nothing where the system does not tell. */
export function memoryOf({ processes }: System): Size[] {
  const sizes: Size[] = [];
  for (const [part, started] of Object.entries(processes)) {
    const kilobytes = peakOf(started.process.pid);
    if (kilobytes !== null) sizes.push({ what: `Most memory of a process, ${part}`, value: kilobytes / 1_024, unit: "MB" });
  }
  return sizes;
}

function peakOf(pid: number | undefined): number | null {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return kilobytes === undefined ? null : Number(kilobytes);
  } catch {
    return null;
  }
}
