/** Owns one connection of Baileys: how it is set up, and that nothing is acknowledged to WhatsApp before it is kept here. */
import type { EventEmitter } from "node:events";
import type { Agent } from "node:https";
import type { InboundText } from "@mini-crm/core/ports/whatsapp-provider";
import type * as Baileys from "baileys";
import type { BinaryNode, ConnectionState, proto, SignalAuthState, SocketConfig, WAMessage, WASocket } from "baileys";
import { type AuthState, keysWithText } from "./auth-state.ts";
import { type PhoneOfLid, textOfMessage, textOfStanza } from "./inbound.ts";

export interface SocketOptions {
  /** Where WhatsApp Web is; a test's own server elsewhere. */
  url?: string;
  mediaAgent?: Agent;
  /** How long each QR code lives; by default the first one 60 s, the others 20 s. */
  qrTimeoutMs?: number;
}

export interface SocketEvents {
  changed(update: Partial<ConnectionState>): void;
  /** WhatsApp tells how many new chats the account may still begin. */
  capped(info: Baileys.NewChatMessageCapInfo): void;
  /** Resolves when the receipt may be acknowledged; where it rejects, WhatsApp tells it again later. */
  receipt(stanza: BinaryNode): Promise<void>;
  acknowledgement(stanza: BinaryNode): void;
  /** Keeps a text that came in another way than off the wire. */
  text(text: InboundText): Promise<void>;
  /** What a device asks for again because it could not decrypt it. */
  contentOf(providerId: string): Promise<Uint8Array | null>;
}

/** Nothing that a person waits for takes longer. */
const QUERY_TIMEOUT_MS = 20_000;

export function openSocket(baileys: typeof Baileys, auth: AuthState, events: SocketEvents, options: SocketOptions): WASocket {
  const stanzas = new WeakMap<Uint8Array, BinaryNode>();
  const socket = baileys.makeWASocket({
    ...configOf(options),
    auth,
    makeSignalRepository: (state, logger, pnToLid) => {
      const repository = baileys.DEFAULT_CONNECTION_CONFIG.makeSignalRepository(state, logger, pnToLid);
      const decryptMessage = keepingTexts(baileys, state, repository, stanzas);
      return { ...repository, ...oneByOne({ ...repository, decryptMessage }) };
    },
    getMessage: async ({ id }) => contentOf(baileys, events, id ?? ""),
  });
  socket.ev.on("connection.update", events.changed);
  socket.ev.on("creds.update", auth.credsChanged);
  socket.ev.on("message-capping.update", events.capped);
  socket.ev.on("messages.upsert", ({ messages }) => void takeMessages(baileys, socket, messages, events));
  socket.ws.prependListener("CB:message", (stanza: BinaryNode) => noteCiphertexts(stanza, stanzas));
  before(socket.ws, "CB:receipt", events.receipt);
  socket.ws.on("CB:ack,class:message", events.acknowledgement);
  return socket;
}

function configOf(options: SocketOptions) {
  return {
    logger: SILENCE,
    emitOwnEvents: false,
    markOnlineOnConnect: false,
    syncFullHistory: false,
    shouldSyncHistoryMessage: () => false,
    shouldIgnoreJid: isNoPerson,
    generateHighQualityLinkPreview: false,
    defaultQueryTimeoutMs: QUERY_TIMEOUT_MS,
    // Writing is tried again where it is done: see `sessionEntries`.
    transactionOpts: { maxCommitRetries: 1, delayBetweenTriesMs: 0 },
    ...(options.url === undefined ? {} : { waWebSocketUrl: options.url }),
    ...(options.mediaAgent === undefined ? {} : { fetchAgent: options.mediaAgent }),
    ...(options.qrTimeoutMs === undefined ? {} : { qrTimeout: options.qrTimeoutMs }),
  } satisfies Partial<SocketConfig>;
}

/** Groups, broadcasts with the status updates among them, and channels. */
function isNoPerson(jid: string): boolean {
  return /@(g\.us|broadcast|newsletter)$/.test(jid);
}

/** Runs `first` before Baileys' own handlers, which then only run when it has resolved. */
function before(emitter: EventEmitter, event: string, first: (stanza: BinaryNode) => Promise<void>): void {
  const handlers = emitter.listeners(event);
  emitter.removeAllListeners(event);
  emitter.on(event, (stanza: BinaryNode) => {
    first(stanza).then(
      () => {
        for (const handler of handlers) Reflect.apply(handler, emitter, [stanza]);
      },
      () => {},
    );
  });
}

function noteCiphertexts(stanza: BinaryNode, stanzas: WeakMap<Uint8Array, BinaryNode>): void {
  if (!Array.isArray(stanza.content)) return;
  for (const { tag, content } of stanza.content) {
    if (tag === "enc" && content instanceof Uint8Array) stanzas.set(content, stanza);
  }
}

type Repository = ReturnType<SocketConfig["makeSignalRepository"]>;

/**
 * A message can be decrypted only once, because that uses its key up, and Baileys acknowledges it before anybody hears of it. So the
 * text is kept in the very transaction in which its key goes.
 */
function keepingTexts(
  baileys: typeof Baileys,
  { keys }: SignalAuthState,
  repository: Repository,
  stanzas: WeakMap<Uint8Array, BinaryNode>,
): Repository["decryptMessage"] {
  return (request) => {
    const stanza = stanzas.get(request.ciphertext);
    if (stanza === undefined || !("transaction" in keys)) return repository.decryptMessage(request);
    return keys.transaction(async () => {
      const plain = await repository.decryptMessage(request);
      const text = await textOfStanza(baileys, stanza, plain, phoneOfLidBy(repository));
      if (text !== null) await keys.set(keysWithText(text));
      return plain;
    }, request.jid);
  };
}

/**
 * libsignal carries out what waits for a Signal address in the context of whoever came first, and so outside of the others'
 * transactions. Where nobody of this account ever waits there, each stays in its own.
 */
function oneByOne(repository: Repository): Pick<Repository, "decryptMessage" | "encryptMessage" | "injectE2ESession"> {
  const turns = new Map<string, Promise<void>>();
  const inTurn = <R extends { jid: string }, T>(work: (request: R) => Promise<T>) => {
    return (request: R): Promise<T> => {
      const address = repository.jidToSignalProtocolAddress(request.jid);
      const done = (turns.get(address) ?? Promise.resolve()).then(() => work(request));
      const turn = done.then(
        () => {},
        () => {},
      );
      turns.set(address, turn);
      void turn.then(() => turns.get(address) === turn && turns.delete(address));
      return done;
    };
  };
  return {
    decryptMessage: inTurn(repository.decryptMessage),
    encryptMessage: inTurn(repository.encryptMessage),
    injectE2ESession: inTurn(repository.injectE2ESession),
  };
}

function phoneOfLidBy({ lidMapping }: Pick<Repository, "lidMapping">): PhoneOfLid {
  return (lid) => lidMapping.getPNForLID(lid);
}

async function takeMessages(
  baileys: typeof Baileys,
  { signalRepository }: WASocket,
  messages: readonly WAMessage[],
  events: SocketEvents,
): Promise<void> {
  for (const message of messages) {
    const text = await textOfMessage(baileys, message, phoneOfLidBy(signalRepository)).catch(() => null);
    // Where it cannot be kept, the session is another's now, and nothing is left to do here.
    if (text !== null) await events.text(text).catch(() => {});
  }
}

async function contentOf(baileys: typeof Baileys, events: SocketEvents, id: string): Promise<proto.IMessage | undefined> {
  const content = await events.contentOf(id);
  return content === null ? undefined : baileys.proto.Message.decode(content);
}

/** Baileys' own lines hold numbers, texts and keys; what matters of them is told by the connection's state. */
const SILENCE: SocketConfig["logger"] = {
  level: "silent",
  child: () => SILENCE,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
};
