/** Owns which engine plays each role: the only place that names adapters. */
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { embeddedBus } from "@mini-crm/adapters/embedded-bus/bus";
import { ruleAsMongoQuery } from "@mini-crm/adapters/mongo/rule-query";
import { openDatabase, openDatabaseToRead } from "@mini-crm/adapters/sqlite/database";
import { sqliteStore } from "@mini-crm/adapters/sqlite/store";
import { systemClock } from "@mini-crm/adapters/system-clock/system-clock";
import { httpWebhookTransport } from "@mini-crm/adapters/webhook-http/transport";
import type { SimulatorBehaviour } from "@mini-crm/adapters/whatsapp-simulator/behaviour";
import type { SentText } from "@mini-crm/adapters/whatsapp-simulator/outbox";
import { createSimulator, type Simulator } from "@mini-crm/adapters/whatsapp-simulator/simulator";
import { AppError } from "@mini-crm/core/app-error";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { EventBus } from "@mini-crm/core/ports/event-bus";
import type { Store } from "@mini-crm/core/ports/store";
import type { WebhookTransport } from "@mini-crm/core/ports/webhook-transport";
import type { Config } from "./config.ts";
import { buryDead, processName } from "./process-name.ts";

export type { SentText, Simulator, SimulatorBehaviour };
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

/** Opens the store and the bus; rejects with one clear `AppError` where they cannot be had. */
export async function openEngines(config: Pick<Config, "dataDir">): Promise<Engines> {
  const clock = systemClock();
  const owner = processName(clock);
  prepareFolder(config.dataDir);
  const database = await openDatabase(databaseFile(config));
  const store = sqliteStore(database);
  await buryDead(store, clock);
  const bus = embeddedBus({ database, clock, owner });
  return {
    store,
    bus,
    clock,
    owner,
    names: { database: "sqlite", eventBus: "embedded" },
    async close() {
      await bus.close();
      await store.close();
    },
  };
}

/** The engines as somebody sees them who only looks. */
export type EnginesToRead = Pick<Engines, "store" | "clock" | "close"> & { bus: Pick<EventBus, "lags" | "deadLetters"> };

/** Opens what is there without changing it, also beside a running product; null where nothing has been stored yet. */
export async function openEnginesToRead(config: Pick<Config, "dataDir">): Promise<EnginesToRead | null> {
  const file = databaseFile(config);
  if (!existsSync(file)) return null;
  const clock = systemClock();
  const database = await openDatabaseToRead(file);
  const store = sqliteStore(database);
  const bus = embeddedBus({ database, clock, owner: processName(clock) });
  return { store, bus, clock, close: () => store.close() };
}

function databaseFile({ dataDir }: Pick<Config, "dataDir">): string {
  return join(dataDir, "mini-crm.db");
}

/** Opens the WhatsApp that messages go through; it connects when it is started. */
export function openWhatsApp(config: Pick<Config, "dataDir" | "simulator">, clock: Clock): Simulator {
  const { seed, latency, deliveredAfter, readAfter } = config.simulator;
  return createSimulator({
    file: join(config.dataDir, "whatsapp-simulator.db"),
    clock,
    seed,
    behaviour: { latency, deliveredAfter, readAfter },
  });
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
