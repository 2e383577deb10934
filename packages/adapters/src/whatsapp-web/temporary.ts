/** Owns what the tests of the adapter stand on: a fake WhatsApp Web, real sessions in a database, and a clock in a hurry. */
import { randomBytes } from "node:crypto";
import { AppError } from "@mini-crm/core/app-error";
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
  /** Ends the process `owner` as `kill -9` does: nothing of what it does has an effect any more, and the store is not told. */
  kill(owner: string): void;
  /** From now on the process `owner` cannot reach the store. */
  cutOff(owner: string): void;
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
  const cutOff = new Set<string>();
  const channelId = "default";

  return {
    fake,
    clock,
    sessions,
    provider(owner, changes = {}) {
      const socket = { url: fake.url, mediaAgent: fake.mediaAgent };
      const provider = createWebProvider({
        ...{ channelId, clock, vault, owner, socket, toPrivateAddresses: true },
        sessions: mortal(sessions, { isDead: () => killed.has(owner), isCutOff: () => cutOff.has(owner) }),
        ...changes,
      });
      providers.set(owner, provider);
      return provider;
    },
    kill(owner) {
      killed.add(owner);
      fake.dropAll();
      // A dead process connects no more; that it comes to this end in order changes nothing outside of it.
      void providers.get(owner)?.stop();
      providers.delete(owner);
    },
    cutOff: (owner) => void cutOff.add(owner),
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

/** The sessions as one process reaches them, or does not. */
function mortal(sessions: SessionStore, { isDead, isCutOff }: { isDead: () => boolean; isCutOff: () => boolean }): SessionStore {
  const reach = async <T>(answer: () => Promise<T>, ofTheDead: T): Promise<T> => {
    if (isCutOff()) throw new AppError("STORE_UNAVAILABLE", "The store cannot be reached", { retryable: true });
    return isDead() ? ofTheDead : answer();
  };
  return {
    hold: (request) => reach(() => sessions.hold(request), { kind: "elsewhere", owner: "nobody", until: 0 }),
    letGo: (channelId, owner) => reach(() => sessions.letGo(channelId, owner), undefined),
    read: (channelId, keys) => reach(() => sessions.read(channelId, keys), {}),
    write: (request) => reach(() => sessions.write(request), false),
    clear: (request) => reach(() => sessions.clear(request), false),
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
