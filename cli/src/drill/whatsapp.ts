/** Owns the outside world of a drill: the WhatsApp that the system sends over, which outlives every kill and tells what left. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "@mini-crm/runtime/config";
import { type OwnTwin, openTwin } from "@mini-crm/runtime/twin";
import type { CampaignBody } from "@mini-crm/wire/campaign";
import type { Behaviour } from "./accidents.ts";
import { ask } from "./campaigns.ts";
import type { Environment, System } from "./system.ts";

/** A message that really left, as its witness tells it. */
export interface Departed {
  message_id: string;
  to: string;
  text: string;
  /** When its sender gave it to WhatsApp, ISO 8601: what becomes of it from there on is in nobody's hands. */
  handed_over_at: string;
  /** When it left. */
  at: string;
  /** What has happened to it so far. */
  receipts: { status: "FAILED" | "DELIVERED" | "READ" }[];
}

export interface Outbox {
  departed: Departed[];
  /** How many messages of it left more than once, as the witness counts it. */
  sentMoreThanOnce: number;
}

export interface OutsideWorld {
  name: string;
  /** What the system's processes are given besides. */
  settings: Environment;
  /** What a campaign needs besides its text so that everybody may be sent it. */
  campaign: Pick<CampaignBody, "template">;
  /** Connects the system's default channel; `messagesPerMinute` is its limit, null for what is configured for all. */
  connect(system: System, messagesPerMinute: number | null): Promise<void>;
  /** Parts of the system were started again, elsewhere. */
  follow(system: System): void;
  behave(system: System, behaviour: Behaviour): Promise<void>;
  /** How many messages have left. */
  countDeparted(system: System): Promise<number>;
  /** Everything that has really left, in its order. */
  outbox(system: System): Promise<Outbox>;
  close(): Promise<void>;
}

interface OutboxPage {
  messages: Departed[];
  pagination: { total: number };
  sent_more_than_once: number;
}

/** The simulated WhatsApp, whose outside world is a file: every process of the workers is told how to behave. */
export const SIMULATED: OutsideWorld = {
  name: "the simulator",
  settings: {},
  campaign: {},
  connect: async () => {}, // A new installation is.
  follow: () => {},
  async behave({ workersUrls }, behaviour) {
    await Promise.all(workersUrls.map((url) => ask("PATCH", `${url}/simulator`, behaviour)));
  },
  countDeparted: ({ workersUrl }) => totalOf(`${workersUrl}/simulator/outbox`),
  outbox: ({ workersUrl }) => readOutbox(`${workersUrl}/simulator/outbox`),
  close: async () => {}, // Its file lies in the data folder.
};

/** The outside world that a twin is: besides, `own` is how people on the other side act. */
export interface TwinWorld extends OutsideWorld {
  own: OwnTwin;
}

/** The twin of the Cloud API, in this process: nothing that is killed takes it along. Seed and spans are the simulator's. */
export async function twin(settings: Environment): Promise<TwinWorld> {
  const folder = await mkdtemp(join(tmpdir(), "mini-crm-twin-"));
  const { simulator } = readConfig(settings, folder);
  const own = await openTwin({ simulator, twinPort: 0 }, join(folder, "twin.db"), {
    // Another one than a product that is started without its twin takes for a twin that has gone.
    phoneNumberId: "100000000000002",
    messagesPerSecond: null,
    recipientsPerDay: null,
  });
  const { access_token, app_secret, verify_token } = own.secrets;
  return {
    name: "the twin of the Cloud API",
    own,
    settings: {},
    campaign: { template: { name: "hello", language: "en_US", parameters: [{ value: "{{name}}" }] } },
    async connect(system, messagesPerMinute) {
      own.tell(system.backendUrl);
      const url = `${system.backendUrl}/api/v1/channels/default`;
      const cloud = { ...own.cloud, access_token, app_secret, verify_token };
      await ask("PATCH", url, { kind: "cloud", messages_per_minute: messagesPerMinute, cloud });
      await ask("POST", `${url}/templates/sync`);
    },
    follow: ({ backendUrl }) => own.tell(backendUrl),
    // Cut connections would leave every outcome in the dark: out of reach means that Meta says so.
    async behave(_system, { unreachable = false, ...behaviour }) {
      own.endFaults();
      if (unreachable) own.failWith(NOT_AVAILABLE);
      own.controls.behave(behaviour);
    },
    countDeparted: () => totalOf(`${own.url}/twin/outbox`),
    outbox: () => readOutbox(`${own.url}/twin/outbox`),
    async close() {
      await own.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** Meta's code for a service that is not available. */
const NOT_AVAILABLE = 131_016;

async function totalOf(url: string): Promise<number> {
  return (await ask<OutboxPage>("GET", `${url}?limit=1`)).pagination.total;
}

async function readOutbox(url: string): Promise<Outbox> {
  const departed: Departed[] = [];
  for (let page = 1; ; page += 1) {
    const { messages, sent_more_than_once } = await ask<OutboxPage>("GET", `${url}?page=${page}&limit=1000`);
    departed.push(...messages);
    if (messages.length < 1000) return { departed, sentMoreThanOnce: sent_more_than_once };
  }
}
