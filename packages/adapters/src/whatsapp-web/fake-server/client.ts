/** Owns the plain Baileys client that the fake server's own tests connect; only for tests, production code never imports it. */
import { EventEmitter, once } from "node:events";
import {
  type AuthenticationCreds,
  type AuthenticationState,
  type BaileysEventMap,
  initAuthCreds,
  makeWASocket,
  type SignalKeyStore,
  type UserFacingSocketConfig,
  type WASocket,
} from "baileys";
import type { FakeWhatsAppWeb } from "./fake.ts";
import { createMemory } from "./memory.ts";
import { silence } from "./silence.ts";

export interface Client {
  socket: WASocket;
  /** The value of the first event, from the beginning of the connection on, of which `pick` makes something. */
  when<E extends keyof BaileysEventMap, T>(event: E, pick: (value: BaileysEventMap[E]) => T | undefined): Promise<T>;
}

/** A client's memory: what it needs to log in again. */
export interface ClientMemory {
  creds: AuthenticationCreds;
  keys: SignalKeyStore;
}

export function emptyMemory(): ClientMemory {
  return { creds: initAuthCreds(), keys: createMemory() };
}

export function connect(fake: FakeWhatsAppWeb, memory: ClientMemory, config: Partial<UserFacingSocketConfig> = {}): Client {
  fake.trust();
  const auth: AuthenticationState = memory;
  const socket = makeWASocket({
    auth,
    waWebSocketUrl: fake.url,
    fetchAgent: fake.mediaAgent,
    logger: silence,
    emitOwnEvents: false,
    ...config,
  });
  const seen: Partial<BaileysEventMap>[] = [];
  const news = new EventEmitter().setMaxListeners(0);
  socket.ev.process((events) => {
    if (events["creds.update"]) Object.assign(memory.creds, events["creds.update"]);
    seen.push(events);
    news.emit("event");
  });
  return {
    socket,
    async when(event, pick) {
      for (let at = 0; ; at += 1) {
        while (at >= seen.length) await once(news, "event");
        const value = seen[at]?.[event];
        const picked = value === undefined ? undefined : pick(value);
        if (picked !== undefined) return picked;
      }
    },
  };
}

/** Why the connection ended: Baileys' status code. */
export function closed(client: Client): Promise<number> {
  return client.when("connection.update", ({ connection, lastDisconnect }) => {
    if (connection !== "close") return undefined;
    const error = lastDisconnect?.error;
    return error !== undefined && "output" in error ? (error.output as { statusCode: number }).statusCode : 0;
  });
}

export function opened(client: Client): Promise<true> {
  return client.when("connection.update", ({ connection }) => (connection === "open" ? true : undefined));
}

/** Links a new client by QR code, as a person would, and connects it again. */
export async function link(
  fake: FakeWhatsAppWeb,
  memory: ClientMemory,
  config: Partial<UserFacingSocketConfig> = {},
): Promise<Client> {
  const first = connect(fake, memory, config);
  await fake.scan(await first.when("connection.update", ({ qr }) => qr));
  await closed(first);
  const client = connect(fake, memory, config);
  await opened(client);
  return client;
}
