/** Owns which engine plays each role: the only place that names adapters. */
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { embeddedBus } from "@mini-crm/adapters/embedded-bus/bus";
import type { KafkaBusOptions } from "@mini-crm/adapters/kafka/bus";
import type { KafkaAccess } from "@mini-crm/adapters/kafka/cluster";
import { ruleAsMongoQuery } from "@mini-crm/adapters/mongo/rule-query";
import { type Database, openDatabase, openDatabaseToRead } from "@mini-crm/adapters/sqlite/database";
import { sqliteStore } from "@mini-crm/adapters/sqlite/store";
import { systemClock } from "@mini-crm/adapters/system-clock/system-clock";
import { httpWebhookTransport } from "@mini-crm/adapters/webhook-http/transport";
import type { SimulatorBehaviour } from "@mini-crm/adapters/whatsapp-simulator/behaviour";
import type { SentText } from "@mini-crm/adapters/whatsapp-simulator/outbox";
import type { Simulator, SimulatorControls } from "@mini-crm/adapters/whatsapp-simulator/simulator";
import { AppError } from "@mini-crm/core/app-error";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { EventBus } from "@mini-crm/core/ports/event-bus";
import type { Store } from "@mini-crm/core/ports/store";
import type { WebhookTransport } from "@mini-crm/core/ports/webhook-transport";
import type { Config, KafkaConfig } from "./config.ts";
import type { Logger } from "./log.ts";
import { buryDead, processName } from "./process-name.ts";

export type { SentText, Simulator, SimulatorBehaviour, SimulatorControls };
export { ruleAsMongoQuery };

export interface Engines {
  store: Store;
  bus: EventBus;
  clock: Clock;
  /** This process's name, different from every other's. */
  owner: string;
  /** Which engine plays each role, as `/health` tells it. */
  names: { database: string; eventBus: string };
  close(): Promise<void>;
}

/** Where the engines are; what is left out is in SQLite, in `dataDir`. */
export type EngineConfig = Pick<Config, "dataDir"> & Partial<Pick<Config, "mongodbUrl" | "kafka">>;

/** Opens the store and the bus; rejects with one clear `AppError` where they cannot be had. */
export async function openEngines(config: EngineConfig, log?: Logger): Promise<Engines> {
  const { dataDir, mongodbUrl = null, kafka = null } = config;
  const clock = systemClock();
  const owner = processName(clock);
  prepareFolder(dataDir);
  const opened: { close(): Promise<void> }[] = [];
  try {
    const database = mongodbUrl === null || kafka === null ? await openDatabase(databaseFile(config)) : null;
    if (database !== null) opened.push(database);
    const store = mongodbUrl === null ? sqliteStore(known(database)) : await openMongoStore(mongodbUrl, clock);
    opened.push(store);
    await buryDead(store, clock);
    // What is not published now waits in the store: whoever looks there next publishes it.
    const onError = (error: unknown) => log?.warn({ err: error }, "Events wait in the store until they can be published");
    const bus =
      kafka === null
        ? embeddedBus({
            database: known(database),
            clock,
            owner,
            ...(mongodbUrl === null ? {} : { elsewhere: { store, onError } }),
          })
        : await openKafkaBus(kafka, { store, clock, owner, onError });
    opened.push(bus);
    const names = { database: mongodbUrl === null ? "sqlite" : "mongodb", eventBus: kafka === null ? "embedded" : "kafka" };
    return { store, bus, clock, owner, names, close: () => closeAll(opened) };
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

async function closeAll(opened: { close(): Promise<void> }[]): Promise<void> {
  for (const one of opened.splice(0).reverse()) await one.close();
}

/** The engines as somebody sees them who only looks. */
export type EnginesToRead = Pick<Engines, "store" | "clock" | "close"> & { bus: Pick<EventBus, "lags" | "deadLetters"> };

/** Opens what is there without changing it, also beside a running product; null where nothing has been stored yet. */
export async function openEnginesToRead(config: EngineConfig): Promise<EnginesToRead | null> {
  const { mongodbUrl = null, kafka = null } = config;
  const clock = systemClock();
  const owner = processName(clock);
  const file = databaseFile(config);
  const database = (mongodbUrl === null || kafka === null) && existsSync(file) ? await openDatabaseToRead(file) : null;
  const store = mongodbUrl === null ? database && sqliteStore(database) : await openMongoStoreToRead(mongodbUrl, clock);
  const opened = [database, store].filter((one) => one !== null);
  if (store === null) {
    await closeAll(opened);
    return null;
  }
  if (kafka !== null) {
    const { lookAtKafka } = await import("@mini-crm/adapters/kafka/bus");
    const bus = lookAtKafka({ ...accessTo(kafka), clock, owner });
    return { store, bus, clock, close: () => closeAll([...opened, bus]) };
  }
  const bus = database === null ? NO_EVENTS : embeddedBus({ database, clock, owner });
  return { store, bus, clock, close: () => closeAll(opened) };
}

// What only these two need is loaded where they are chosen.

async function openMongoStore(url: string, clock: Clock): Promise<Store> {
  const { openMongo } = await import("@mini-crm/adapters/mongo/database");
  const { mongoStore } = await import("@mini-crm/adapters/mongo/store");
  return mongoStore(await openMongo(url), clock);
}

async function openMongoStoreToRead(url: string, clock: Clock): Promise<Store | null> {
  const { openMongoToRead } = await import("@mini-crm/adapters/mongo/database");
  const { mongoStore } = await import("@mini-crm/adapters/mongo/store");
  const database = await openMongoToRead(url);
  return database && mongoStore(database, clock);
}

async function openKafkaBus(kafka: KafkaConfig, deps: Omit<KafkaBusOptions, keyof KafkaAccess>): Promise<EventBus> {
  const { kafkaBus } = await import("@mini-crm/adapters/kafka/bus");
  const { partitions, replicas } = kafka;
  return kafkaBus({ ...accessTo(kafka), partitions, replicas, ...deps }).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message.replace(/\.$/, "") : String(cause);
    throw new AppError("CONFIGURATION", `KAFKA_BROKERS: ${reason}.`, { retryable: false, cause });
  });
}

/** Takes a database and topics away, with all that is in them; what is in SQLite stays. */
export async function removeEngines({ mongodbUrl, kafka }: Pick<Config, "mongodbUrl" | "kafka">): Promise<void> {
  if (mongodbUrl !== null) {
    const { dropMongo } = await import("@mini-crm/adapters/mongo/database");
    await dropMongo(mongodbUrl);
  }
  if (kafka !== null) {
    const { removeTopics } = await import("@mini-crm/adapters/kafka/bus");
    await removeTopics({ ...accessTo(kafka), clock: systemClock(), owner: "remover" });
  }
}

/** A log that nobody has begun yet. */
const NO_EVENTS: EnginesToRead["bus"] = { lags: async () => [], deadLetters: async () => [] };

function accessTo({ brokers, ssl, credentials, prefix }: KafkaConfig) {
  return { brokers, ssl, topicPrefix: prefix, ...(credentials === null ? {} : { credentials }) };
}

function known(database: Database | null): Database {
  if (database === null) throw new Error("No SQLite file was opened");
  return database;
}

export function databaseFile({ dataDir }: Pick<Config, "dataDir">): string {
  return join(dataDir, "mini-crm.db");
}

/** The way of webhooks to the network. */
export function openWebhookTransport(config: Pick<Config, "webhooksToPrivateAddresses">): WebhookTransport {
  return httpWebhookTransport({ toPrivateAddresses: config.webhooksToPrivateAddresses });
}

function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new AppError("CONFIGURATION", `The data folder ${folder} cannot be written to: choose another with DATA_DIR.`, {
      retryable: false,
      cause: error,
    });
  }
}
