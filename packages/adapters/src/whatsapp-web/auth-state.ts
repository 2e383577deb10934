/** Owns what a linked device knows, as Baileys asks for it: its credentials and its Signal keys, kept with the session. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type { InboundText } from "@mini-crm/core/ports/whatsapp-provider";
import type * as Baileys from "baileys";
import type { AuthenticationCreds, SignalDataSet, SignalDataTypeMap, SignalKeyStore } from "baileys";
import type { Changes, SessionEntries } from "./session-entries.ts";

/** A change of the keys may carry texts, which are then kept in the same transaction: see `keysWithText`. */
const TEXTS = "texts";
const PREFIX = "auth:";
const CREDS = `${PREFIX}creds`;
/** About as many as a busy hour needs. */
const MAX_CACHED = 5_000;
/** Changes of the credentials wait so long for keys that change with them. */
const CREDS_DELAY_MS = 50;

export interface AuthState {
  creds: AuthenticationCreds;
  keys: SignalKeyStore;
  /** Baileys has changed the credentials: they are written with the next keys, or soon. */
  credsChanged(): void;
  /** Resolves when all is written. */
  flush(): Promise<void>;
}

export interface AuthDeps {
  baileys: typeof Baileys;
  clock: Clock;
  entries: SessionEntries;
  /** Keeps texts until they are heard, in one transaction with `changes`. */
  keepTexts: (texts: readonly InboundText[], changes: Changes) => Promise<void>;
}

/** Tells whether a phone has linked the device: until then its credentials are only an offer. */
export function isLinked(creds: AuthenticationCreds): boolean {
  return creds.account !== undefined;
}

/** A change of no keys, which keeps `text` in the transaction that it becomes part of. */
export function keysWithText(text: InboundText): SignalDataSet {
  return { [TEXTS]: { [text.providerId]: text } } as SignalDataSet;
}

/** Forgets the device. */
export function forgetAuth(entries: SessionEntries): Promise<void> {
  return entries.clear(PREFIX);
}

/** What is stored, or a device that nobody has linked yet. */
export async function openAuthState({ baileys, clock, entries, keepTexts }: AuthDeps): Promise<AuthState> {
  const encode = (value: unknown) => JSON.stringify(value, baileys.BufferJSON.replacer);
  const decode = (text: string): unknown => JSON.parse(text, baileys.BufferJSON.reviver);
  const stored = (await entries.read([CREDS])).get(CREDS);
  const creds = stored === undefined ? baileys.initAuthCreds() : (decode(stored) as AuthenticationCreds);
  const cache = new Map<string, string | null>();
  let isChanged = false;
  let writing: Promise<void> = Promise.resolve();

  function remember(key: string, value: string | null): void {
    cache.delete(key);
    cache.set(key, value);
    const [oldest] = cache.keys();
    if (cache.size > MAX_CACHED && oldest !== undefined) cache.delete(oldest);
  }

  async function get<T extends keyof SignalDataTypeMap>(type: T, ids: string[]): Promise<Record<string, SignalDataTypeMap[T]>> {
    const keys = ids.map((id) => `${PREFIX}${type}:${id}`);
    const missing = keys.filter((key) => !cache.has(key));
    if (missing.length > 0) {
      const found = await entries.read(missing);
      for (const key of missing) if (!cache.has(key)) remember(key, found.get(key) ?? null);
    }
    const values: Record<string, SignalDataTypeMap[T]> = {};
    for (const id of ids) {
      const text = cache.get(`${PREFIX}${type}:${id}`);
      if (text) values[id] = valueOf(type, decode(text));
    }
    return values;
  }

  function valueOf<T extends keyof SignalDataTypeMap>(type: T, value: unknown): SignalDataTypeMap[T] {
    const isSyncKey = type === "app-state-sync-key" && typeof value === "object" && value !== null;
    return (isSyncKey ? baileys.proto.Message.AppStateSyncKeyData.fromObject(value) : value) as SignalDataTypeMap[T];
  }

  function set(data: SignalDataSet): Promise<void> {
    const changes: Record<string, string | null> = {};
    const texts: InboundText[] = [];
    for (const [type, values] of Object.entries<Record<string, unknown>>(data)) {
      for (const [id, value] of Object.entries(values)) {
        if (type === TEXTS) texts.push(value as InboundText);
        else changes[`${PREFIX}${type}:${id}`] = value === null || value === undefined ? null : encode(value);
      }
    }
    for (const [key, value] of Object.entries(changes)) remember(key, value);
    return write(texts, changes).catch((error: unknown) => {
      for (const key of Object.keys(changes)) cache.delete(key);
      throw error;
    });
  }

  /** Credentials that have changed go in the same transaction as the keys that changed with them. */
  function write(texts: readonly InboundText[], changes: Changes): Promise<void> {
    const all = isChanged ? { ...changes, [CREDS]: encode(creds) } : changes;
    isChanged = false;
    const written = keepTexts(texts, all);
    writing = Promise.allSettled([writing, written]).then(() => {});
    return written;
  }

  async function flush(): Promise<void> {
    // Where the session is another's, what this device knew is worth nothing; its owner is told elsewhere.
    if (isChanged) await write([], {}).catch(() => {});
    await writing;
  }

  return {
    creds,
    keys: { get, set },
    credsChanged() {
      if (isChanged) return;
      isChanged = true;
      clock.schedule(CREDS_DELAY_MS, () => void flush());
    },
    flush,
  };
}
