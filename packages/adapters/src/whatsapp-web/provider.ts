/** Owns the `WhatsAppProvider` over WhatsApp Web: a linked device, whose session one process at a time has. */
import { AppError } from "@mini-crm/core/app-error";
import type { Connection } from "@mini-crm/core/channel/connection";
import type {
  OrderAnswer,
  OutgoingMessage,
  ProviderHealth,
  SendAnswer,
  WhatsAppProvider,
} from "@mini-crm/core/ports/whatsapp-provider";
import { begin, end } from "./connection.ts";
import { become, type Device, identityOf, openSocketOf } from "./device.ts";
import { type LinkedDevice, type LinkedDeviceOptions, linkedDevice } from "./linked-device.ts";
import { logOut, pair } from "./linking.ts";
import { INSTALL_BAILEYS, type LoadBaileys, loadBaileys } from "./load-baileys.ts";
import { createNumbers, type Numbers } from "./numbers.ts";
import { unsupported } from "./sending.ts";
import { createSession, type Session, type SessionOptions } from "./session.ts";
import { SessionLost } from "./session-entries.ts";

export interface WebProviderOptions extends SessionOptions, LinkedDeviceOptions {
  /** For tests: how the optional package is loaded. */
  loadBaileys?: LoadBaileys;
}

interface Provider {
  options: WebProviderOptions;
  session: Session;
  numbers: Numbers;
  /** Null until Baileys is loaded. */
  linked: LinkedDevice | null;
  /** Where it stands until then. */
  unloaded: Connection;
  isStarted: boolean;
  underWay: Set<Promise<SendAnswer>>;
}

export function createWebProvider(options: WebProviderOptions): WhatsAppProvider {
  const provider: Provider = {
    options,
    session: createSession(options, {
      onHeld: async () => void (provider.linked && (await begin(provider.linked.device))),
      onNotHeld: async (reason) => void (provider.linked && (await end(provider.linked.device, reason))),
      mayLetGo: () => provider.underWay.size === 0 && provider.linked !== null && openSocketOf(provider.linked.device) !== null,
    }),
    numbers: createNumbers(options.clock),
    linked: null,
    unloaded: { state: "stopped", since: options.clock.now(), reason: "Not started.", until: null, pairing: null },
    isStarted: false,
    underWay: new Set(),
  };
  const { lease, mailbox } = provider.session;
  return {
    start: () => start(provider),
    async stop() {
      provider.isStarted = false;
      await Promise.allSettled(provider.underWay);
      await lease.stop();
    },
    health: () => healthOf(provider),
    pair: (request) => order(provider, (device) => pair(device, request)),
    logOut: () => order(provider, logOut),
    checkNumbers: (phones) => checkNumbers(provider, phones),
    send(message) {
      const answer = send(provider, message);
      provider.underWay.add(answer);
      const isOver = () => provider.underWay.delete(answer);
      answer.then(isOver, isOver);
      return answer;
    },
    onReceipts: mailbox.onReceipts,
    onTexts: mailbox.onTexts,
  };
}

async function start(provider: Provider): Promise<void> {
  if (provider.isStarted) return;
  provider.isStarted = true;
  const { options, session, numbers } = provider;
  const baileys = await loadBaileys(options.loadBaileys);
  if (!provider.isStarted) return;
  if (baileys === null) {
    provider.unloaded = { ...provider.unloaded, since: options.clock.now(), reason: INSTALL_BAILEYS };
    return;
  }
  provider.linked ??= linkedDevice(baileys, options, { ...session, numbers });
  become(provider.linked.device, "connecting", null);
  await session.lease.start();
}

function statusOf({ linked, unloaded }: Provider): Connection {
  return linked?.device.status ?? unloaded;
}

function healthOf(provider: Provider): ProviderHealth {
  const { linked, session } = provider;
  const identity = linked && identityOf(linked.device);
  return {
    ...statusOf(provider),
    warning: linked?.device.warning ?? null,
    standsBy: session.lease.standsBy(),
    deviceId: identity?.id ?? "",
    userName: identity?.name ?? "",
    recipientsPerDay: null,
  };
}

/** Only the process that has the session carries out what a person wants of it. */
async function order(provider: Provider, carryOut: (device: Device) => Promise<OrderAnswer>): Promise<OrderAnswer> {
  const { linked, session } = provider;
  const { reason } = statusOf(provider);
  if (linked === null || !session.lease.holds())
    return { kind: "refused", reason: reason ?? "The session is not this process's." };
  try {
    return await carryOut(linked.device);
  } catch (error) {
    if (error instanceof SessionLost) return { kind: "refused", reason: error.message };
    throw error;
  }
}

async function send(provider: Provider, message: OutgoingMessage): Promise<SendAnswer> {
  const { linked, session, isStarted } = provider;
  const refusal = unsupported(message);
  if (refusal !== null) return refusal;
  const socket = linked && openSocketOf(linked.device);
  if (linked === null || socket === null || !isStarted || !session.lease.holds()) return notOpen(provider);
  try {
    return await linked.sending.send(socket, message);
  } catch (error) {
    if (error instanceof SessionLost) return { kind: "session", state: "stopped", reason: error.message };
    throw error;
  }
}

function notOpen(provider: Provider): SendAnswer {
  const { lease } = provider.session;
  if (lease.standsBy()) lease.want();
  const { state, reason } = statusOf(provider);
  return { kind: "session", state: state === "open" ? "stopped" : state, reason: reason ?? "The connection is about to end." };
}

async function checkNumbers(
  { linked, numbers }: Provider,
  phones: readonly string[],
): Promise<{ phone: string; registered: boolean }[]> {
  if (phones.length === 0) return [];
  const socket = linked && openSocketOf(linked.device);
  if (!socket) throw new AppError("CLOSED", "Numbers can only be looked up while the connection is open.", { retryable: true });
  const found = await numbers.find(phones, (asked) => socket.onWhatsApp(...asked));
  return phones.map((phone) => ({ phone, registered: found.has(phone) }));
}
