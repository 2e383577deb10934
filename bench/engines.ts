/** Owns `npm run bench -- engines`: the same questions on Kafka and MongoDB, each beside the bare clients on the same servers. */
import { mkdir } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { type Broker, kafkaAt, startKafka } from "@mini-crm/e2e/engines/kafka.ts";
import { type Database, mongoAt, startMongo } from "@mini-crm/e2e/engines/mongodb.ts";
import { compareBus } from "./engines-bus.ts";
import { compareLeads } from "./engines-leads.ts";
import { type Comparison, lineOf, type OnEngines } from "./engines-page.ts";
import { comparePipeline } from "./engines-pipeline.ts";
import { amount, type EngineSetup, type Setup } from "./measure.ts";

const MESSAGES = 10_000;

type Started<T> = T & { stop?: () => Promise<void> };

/** Starts engines of its own, or takes those that KAFKA_BROKERS and MONGODB_URL name, and ends what it has started. */
export async function benchEngines({ folder, leads, print }: Pick<Setup, "folder" | "leads" | "print">): Promise<OnEngines> {
  const started: Started<unknown>[] = [];
  const noted = async <T extends { name: string }>(starting: Promise<Started<T>>): Promise<T> => {
    const engine = await starting;
    started.push(engine);
    print(`runs on ${engine.name}`);
    return engine;
  };
  const ownFolder = async (name: string): Promise<string> => {
    await mkdir(join(folder, name));
    return join(folder, name);
  };
  const { KAFKA_BROKERS: brokers, MONGODB_URL: url } = process.env;
  try {
    const kafka = await noted<Broker>(brokers ? kafkaAt(brokers) : startKafka(await ownFolder("kafka")));
    const mongo = await noted<Database>(url ? mongoAt(url) : startMongo(await ownFolder("mongodb")));
    const setup = { folder, print, brokers: kafka.brokers, mongodbUrl: mongo.url, messages: leads ?? MESSAGES };
    return { kafka: kafka.name, mongodb: mongo.name, isStandIn: mongo.isStandIn, ...(await compareAll(setup)) };
  } finally {
    await Promise.allSettled(started.map(async ({ stop }) => stop?.()));
  }
}

async function compareAll(setup: EngineSetup): Promise<Pick<OnEngines, "comparisons" | "sizes" | "loadBefore" | "messages">> {
  const [loadBefore = 0] = loadavg();
  const comparisons: Comparison[] = [];
  const add = (found: readonly Comparison[]): void => {
    for (const comparison of found) setup.print(lineOf(comparison));
    comparisons.push(...found);
  };
  add(await compareBus(setup));
  add(await compareLeads(setup));
  const pipeline = await comparePipeline(setup);
  add(pipeline.comparisons);
  for (const { what, value, unit } of pipeline.sizes) setup.print(`${what}: ${amount(value)} ${unit}`);
  return { comparisons, sizes: pipeline.sizes, loadBefore, messages: setup.messages };
}
