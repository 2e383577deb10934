/** Owns what the walkthrough is walked over: a WhatsApp beyond the default channel, with what is different from one to the next. */
import { type Outbox, type OutsideWorld, SIMULATED, twin } from "@mini-crm/cli/drill/whatsapp";
import { expect } from "vitest";
import { openFakeWeb } from "./fake-web.ts";
import { call, type Environment, eventually, type System } from "./system.ts";

export interface WalkedWhatsApp {
  name: string;
  /** What the system's processes are given besides. */
  settings: Environment;
  /** What `/whatsapp` shows of the default channel. */
  shown: { deviceId: unknown; userName: unknown };
  /** The most it may send, unless it is configured otherwise. */
  messagesPerMinute: number;
  /** Connects the default channel, which is that of a new installation; resolves when messages go out over it. */
  connect(system: System): Promise<void>;
  /** Everybody writes to the number, so that free text may go out to them; resolves when that is known. */
  haveThemWrite(system: System, phones: readonly string[]): Promise<void>;
  /** Everything that has really left, in its order. */
  outbox(system: System): Promise<Outbox>;
  close(): Promise<void>;
}

/** Opens one for a walkthrough; `settings` are the system's. */
export type OpenWhatsApp = (settings: Environment) => Promise<WalkedWhatsApp>;

export const simulated: OpenWhatsApp = async () => ({
  ...outside(SIMULATED),
  shown: { deviceId: expect.stringMatching(/^3EB0[0-9A-F]+$/), userName: "Mini CRM System" },
  messagesPerMinute: 30,
  connect: async () => {}, // A new installation is.
  haveThemWrite: async () => {}, // It asks for nothing of the kind.
});

/** The twin of Meta's Cloud API, in this process. */
export const cloudTwin: OpenWhatsApp = async (settings) => {
  const world = await twin(settings);
  const { own } = world;
  return {
    ...outside(world),
    shown: { deviceId: own.cloud.phone_number_id, userName: "Mini CRM System" },
    messagesPerMinute: 30,
    async connect(system) {
      await world.connect(system, null);
      await untilConnected(system, "cloud");
    },
    async haveThemWrite(system, phones) {
      for (const from of phones) own.receive(own.cloud.phone_number_id, { from, text: "Hello" });
      await untilHeard(system, phones.length);
    },
  };
};

/** A fake WhatsApp Web, in this process; a linked device sends no more than 20 messages a minute. */
export const fakeWeb: OpenWhatsApp = async () => {
  const world = await openFakeWeb();
  const device = `${world.fake.phone.slice(1)}:`;
  return {
    ...outside(world),
    shown: { deviceId: expect.stringContaining(device), userName: "Fake account" },
    messagesPerMinute: 20,
    async connect(system) {
      await world.connect(system);
      await untilConnected(system, "web");
    },
    haveThemWrite: async () => {}, // Free text goes out to everybody.
  };
};

function outside({
  name,
  settings,
  outbox,
  close,
}: Pick<OutsideWorld, "name" | "settings" | "outbox" | "close">): Pick<WalkedWhatsApp, "name" | "settings" | "outbox" | "close"> {
  return { name, settings, outbox, close };
}

interface Shown {
  channels: { id: string; kind: string; connected: boolean }[];
}

/** Resolves when the workers send over a default channel of this kind. */
function untilConnected(system: System, kind: string): Promise<void> {
  return eventually(async () => {
    const { body } = await call<Shown>("GET", `${system.workersUrl}/whatsapp`);
    expect(body.channels).toMatchObject([{ id: "default", kind, connected: true }]);
  });
}

/** Resolves when the workers have heard `texts` people in all. */
function untilHeard(system: System, texts: number): Promise<void> {
  return eventually(async () => {
    const { body } = await call("GET", `${system.workersUrl}/stats`);
    expect(body).toMatchObject({ workers: { InboundListener: { received: texts } } });
  });
}
