/** Owns what listeners have not heard yet: it is kept with the session, and handed over again and again until they have. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Changes, SessionEntries } from "./session-entries.ts";

export type Listener<T> = (items: readonly T[]) => Promise<void>;

export interface Handover<T> {
  /** Begins to hand over, also what an earlier owner of the session left. */
  start(): Promise<void>;
  /** Resolves when the batch in hand is heard or refused. */
  stop(): Promise<void>;
  /** Keeps the items, in one transaction with the other `changes`; only when this resolves they are safe. */
  add(items: readonly T[], changes?: Changes): Promise<void>;
  listen(listener: Listener<T>): () => void;
  /** How many are kept. */
  size(): number;
}

const ITEMS_PER_BATCH = 100;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;

export interface HandoverDeps {
  /** What its entries begin with. */
  name: string;
  clock: Clock;
  entries: SessionEntries;
}

export function createHandover<T>({ name, clock, entries }: HandoverDeps): Handover<T> {
  const listeners = new Set<Listener<T>>();
  const queue = createQueue<T>(name, entries);
  let running: { abort: AbortController; ended: Promise<void> } | null = null;
  let wake = () => {};

  async function run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      if (listeners.size === 0 || queue.isEmpty()) {
        await untilWoken();
        continue;
      }
      // What fails is a listener or the store, or the session is another's now: then it is that one's to hand over.
      failures = (await handOver().catch(() => false)) ? 0 : failures + 1;
      if (failures > 0) await clock.sleep(Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1)), signal);
    }
  }

  /** Tells whether a batch was heard by all, and is kept no more. */
  async function handOver(): Promise<boolean> {
    const batch = await queue.first(ITEMS_PER_BATCH);
    const told = await Promise.allSettled([...listeners].map(async (listener) => listener(batch.items)));
    if (told.some(({ status }) => status === "rejected")) return false;
    await queue.take(batch.end);
    return true;
  }

  function untilWoken(): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve;
    });
  }

  return {
    async start() {
      await queue.load();
      const abort = new AbortController();
      running = { abort, ended: run(abort.signal) };
    },
    async stop() {
      running?.abort.abort();
      wake();
      await running?.ended;
      running = null;
    },
    async add(items, changes = {}) {
      await queue.add(items, changes);
      wake();
    },
    listen(listener) {
      // Its own function, so that one listener may listen twice.
      const own: Listener<T> = (items) => listener(items);
      listeners.add(own);
      wake();
      return () => listeners.delete(own);
    },
    size: queue.size,
  };
}

/** The entries `<name>:<number>` from `head` to before `tail`, both kept in the entry `<name>`; those before `safe` are durable. */
function createQueue<T>(name: string, entries: SessionEntries) {
  let bounds = { head: 0, tail: 0, safe: 0 };
  const keyOf = (number: number) => `${name}:${number}`;
  const keysTo = (end: number) => Array.from({ length: end - bounds.head }, (_, index) => keyOf(bounds.head + index));
  const stored = () => ({ [name]: JSON.stringify([bounds.head, bounds.tail]) });

  return {
    async load(): Promise<void> {
      const kept = (await entries.read([name])).get(name);
      const [head, tail]: [number, number] = kept === undefined ? [0, 0] : JSON.parse(kept);
      bounds = { head, tail, safe: tail };
    },
    async add(items: readonly T[], changes: Changes): Promise<void> {
      const all: Record<string, string | null> = { ...changes };
      for (const item of items) {
        all[keyOf(bounds.tail)] = JSON.stringify(item);
        bounds.tail += 1;
      }
      const { tail } = bounds;
      await entries.write({ ...all, ...stored() });
      bounds.safe = Math.max(bounds.safe, tail);
    },
    async first(most: number): Promise<{ items: T[]; end: number }> {
      const end = Math.min(bounds.safe, bounds.head + most);
      const found = await entries.read(keysTo(end));
      const items = keysTo(end).flatMap((key) => {
        const item = found.get(key);
        return item === undefined ? [] : [JSON.parse(item) as T];
      });
      return { items, end };
    },
    /** Takes those before `end` away. */
    async take(end: number): Promise<void> {
      const gone = keysTo(end).map((key) => [key, null]);
      bounds.head = end;
      await entries.write({ ...Object.fromEntries(gone), ...stored() });
    },
    isEmpty: () => bounds.head >= bounds.safe,
    size: () => bounds.tail - bounds.head,
  };
}
