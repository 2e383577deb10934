/** Owns what is stored of a session, in the open: each value is sealed on its way out, and changes keep their order. */
import { AppError } from "@mini-crm/core/app-error";
import type { Instant } from "@mini-crm/core/instant";
import type { SessionStore } from "@mini-crm/core/ports/channel-store";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Vault } from "@mini-crm/core/ports/vault";

/** Null takes an entry away. */
export type Changes = Readonly<Record<string, string | null>>;

export interface SessionEntries {
  /** The values of those `keys` that there are, also of changes that are still on their way. */
  read(keys: readonly string[]): Promise<Map<string, string>>;
  /** Resolves when all of them are durable, in one transaction; rejects with `SessionLost` where the session is another's now. */
  write(changes: Changes): Promise<void>;
  /** Takes away all that begins with `prefix`. */
  clear(prefix: string): Promise<void>;
}

/** Another process has the session now, or nobody knows whether this one still has it. */
export class SessionLost extends Error {}

const RETRY_MS = 500;

type Change =
  | { kind: "write"; values: Map<string, string | null>; done: Promise<void> }
  | { kind: "clear"; prefix: string; done: Promise<void> };

export interface EntriesDeps {
  channelId: string;
  owner: string;
  clock: Clock;
  sessions: SessionStore;
  vault: Vault;
  /** Tells whether the session is this process's, as far as it knows. */
  holds: () => boolean;
  /** The store says that it is not. */
  onLost: () => void;
}

export function sessionEntries({ channelId, owner, clock, sessions, vault, holds, onLost }: EntriesDeps): SessionEntries {
  const purposeOf = (key: string) => `whatsapp-web ${channelId} ${key}`;
  /** What is on its way, in its order: the first is being carried out. */
  const pending: Change[] = [];
  let tail: Promise<void> = Promise.resolve();

  async function read(keys: readonly string[]): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    const missing: string[] = [];
    for (const key of keys) {
      const value = onItsWay(key);
      if (value === undefined) missing.push(key);
      else if (value !== null) found.set(key, value);
    }
    const stored = missing.length === 0 ? {} : await sessions.read(channelId, missing);
    for (const [key, sealed] of Object.entries(stored)) found.set(key, vault.open(sealed, purposeOf(key)));
    return found;
  }

  function onItsWay(key: string): string | null | undefined {
    const latest = pending.findLast((change) =>
      change.kind === "write" ? change.values.has(key) : key.startsWith(change.prefix),
    );
    if (latest === undefined) return undefined;
    return latest.kind === "write" ? latest.values.get(key) : null;
  }

  function write(changes: Changes): Promise<void> {
    const last = pending.at(-1);
    // All that waits for the same turn goes in one transaction.
    if (last?.kind === "write" && pending.length > 1) {
      for (const [key, value] of Object.entries(changes)) last.values.set(key, value);
      return last.done;
    }
    const values = new Map(Object.entries(changes));
    return afterAll({ kind: "write", values, done: tail }, (at) => {
      const entries = Object.fromEntries(
        [...values].map(([key, value]) => [key, value === null ? null : vault.seal(value, purposeOf(key))]),
      );
      return sessions.write({ channel_id: channelId, owner, entries, now: at });
    });
  }

  function clear(prefix: string): Promise<void> {
    const change: Change = { kind: "clear", prefix, done: tail };
    return afterAll(change, (at) => sessions.clear({ channel_id: channelId, owner, prefix, now: at }));
  }

  function afterAll(change: Change, carryOut: (at: Instant) => Promise<boolean>): Promise<void> {
    pending.push(change);
    change.done = tail.then(() => persist(() => carryOut(clock.now()))).finally(() => pending.shift());
    // What failed stands in nobody's way.
    tail = change.done.catch(() => {});
    return change.done;
  }

  /** A store that cannot be reached is waited out for as long as the session is this process's. */
  async function persist(change: () => Promise<boolean>): Promise<void> {
    while (holds()) {
      try {
        if (await change()) return;
        onLost();
        break;
      } catch (error) {
        if (!(error instanceof AppError && error.retryable)) throw error;
        await clock.sleep(RETRY_MS);
      }
    }
    throw new SessionLost("This process no longer has the session.");
  }

  return { read, write, clear };
}
