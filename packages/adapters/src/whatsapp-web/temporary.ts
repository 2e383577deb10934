/** Owns what the tests of the adapter stand on: a fake WhatsApp Web, real sessions in a database, and a clock in a hurry. */
import { randomBytes } from "node:crypto";
import type { SessionStore } from "@mini-crm/core/ports/channel-store";
import type { Clock } from "@mini-crm/core/ports/clock";
import { sleepOn } from "@mini-crm/core/ports/clock";
import type { WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import { openTemporary } from "../sqlite/temporary.ts";
import { systemClock } from "../system-clock/system-clock.ts";
import { createVault } from "../vault/vault.ts";
import { type FakeOptions, type FakeWhatsAppWeb, startFakeWhatsAppWeb } from "./fake-server/fake-server.ts";
import { createWebProvider, type WebProviderOptions } from "./provider.ts";

const GIVE_UP_MS = 15_000;

export interface Stage {
  fake: FakeWhatsAppWeb;
  clock: Clock;
  sessions: SessionStore;
  /** A provider over the stage's one session, as process `owner`; not started. */
  provider(owner: string, changes?: Partial<WebProviderOptions>): WhatsAppProvider;
  /** Links it by QR code, as a person would; resolves when it is open. */
  link(provider: WhatsAppProvider): Promise<void>;
  /** Ends the process `owner` as `kill -9` does: nothing of what it does has an effect any more, and nobody is told. */
  kill(owner: string): void;
  /** What the session store holds, as it is stored. */
  stored(keys: readonly string[]): Promise<Record<string, string>>;
  /** Stops all providers, and ends the rest. */
  end(): Promise<void>;
}

/** All that the adapter itself waits for passes `hurry` times as fast; Baileys knows only real time. */
export async function openStage({ hurry = 1, ...options }: FakeOptions & { hurry?: number } = {}): Promise<Stage> {
  const fake = await startFakeWhatsAppWeb(options);
  fake.trust();
  const temporary = await openTemporary();
  const { sessions } = temporary.store;
  const clock = hurriedClock(hurry);
  const vault = createVault(randomBytes(32));
  const providers = new Map<string, WhatsAppProvider>();
  const killed = new Set<string>();
  const channelId = "default";

  return {
    fake,
    clock,
    sessions,
    provider(owner, changes = {}) {
      const socket = { url: fake.url, mediaAgent: fake.mediaAgent };
      const provider = createWebProvider({
        ...{ channelId, clock, vault, owner, socket, toPrivateAddresses: true },
        sessions: mortal(sessions, () => killed.has(owner)),
        ...changes,
      });
      providers.set(owner, provider);
      return provider;
    },
    kill(owner) {
      killed.add(owner);
      providers.delete(owner);
      fake.dropAll();
    },
    async link(provider) {
      await provider.start();
      await provider.pair({ method: "qr", phone: null });
      await until(() => provider.health().pairing !== null);
      await fake.scan(provider.health().pairing?.value ?? "");
      await until(() => provider.health().state === "open");
    },
    stored: (keys) => sessions.read(channelId, keys),
    async end() {
      await Promise.all([...providers.values()].map((provider) => provider.stop()));
      await fake.end();
      await temporary.close();
    },
  };
}

/** The sessions of a process that, once it is dead, gets no answer. */
function mortal(sessions: SessionStore, isDead: () => boolean): SessionStore {
  const answered = <T>(answer: () => Promise<T>): Promise<T> => (isDead() ? new Promise(() => {}) : answer());
  return {
    hold: (request) => answered(() => sessions.hold(request)),
    letGo: (channelId, owner) => answered(() => sessions.letGo(channelId, owner)),
    read: (channelId, keys) => answered(() => sessions.read(channelId, keys)),
    write: (request) => answered(() => sessions.write(request)),
    clear: (request) => answered(() => sessions.clear(request)),
  };
}

/** Waits, in real time, until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + GIVE_UP_MS;
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`It did not happen within ${GIVE_UP_MS / 1_000} s: ${String(condition)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function hurriedClock(hurry: number): Clock {
  const real = systemClock();
  const start = real.now();
  const schedule: Clock["schedule"] = (delayMs, task) => real.schedule(delayMs / hurry, task);
  return { now: () => start + (real.now() - start) * hurry, schedule, sleep: sleepOn(schedule), random: real.random };
}
