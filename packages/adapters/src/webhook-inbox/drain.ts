/** Owns the way out of an inbox: in order, at least once, and for as long as it takes. */
import { AppError } from "@mini-crm/core/app-error";
import type { Clock } from "@mini-crm/core/ports/clock";
import { DEFAULT_BACKOFF, waitMs } from "../event-bus/delivery.ts";
import type { InboxVerbs, Waiting } from "./inbox-file.ts";

/**
 * Delivers entries, oldest first; the same ones come again where it rejects: after an `AppError` as often as it takes, after
 * anything else a few times, then one by one, until the one that cannot be delivered stands alone and is laid aside.
 */
export type Deliver<Entry> = (entries: readonly Entry[]) => Promise<void>;

export interface Drain {
  /** Something was added. */
  wake(): void;
  /** Delivers what waits, as long as that goes and takes not too long; the rest stays in the file. */
  close(): Promise<void>;
}

/** The file, seen from here. */
export interface DrainSource {
  ask<V extends keyof InboxVerbs>(verb: V, ...args: Parameters<InboxVerbs[V]>): Promise<ReturnType<InboxVerbs[V]>>;
  /** False as long as there is no file. */
  mayHold(): boolean;
  owner: string;
  clock: Clock;
}

/** How soon what another process left is looked for. */
const LOOK_EVERY_MS = 1_000;
const BATCH_SIZE = 200;
const CLOSING_MS = 3_000;

export function startDrain<Entry>(source: DrainSource, deliver: Deliver<Entry>, onError: (error: unknown) => void): Drain {
  const { clock } = source;
  const deliveries = deliveriesFrom(source, deliver, onError);
  let failures = 0;
  let hasNews = false;
  let isIdle = false;
  let rest = new AbortController();
  let stopBy = Number.POSITIVE_INFINITY;
  const isClosing = () => stopBy !== Number.POSITIVE_INFINITY;

  const pause = async (durationMs: number): Promise<void> => {
    rest = new AbortController();
    if (isClosing()) rest.abort();
    await clock.sleep(durationMs, rest.signal);
  };

  /** Delivers until nothing waits. */
  const deliverAll = async (): Promise<void> => {
    do {
      hasNews = false;
      while ((await deliveries.next()) && clock.now() < stopBy) failures = 0;
    } while (hasNews && clock.now() < stopBy);
  };

  const run = async (): Promise<void> => {
    for (;;) {
      const failure = await deliverAll().then(
        () => null,
        (error: unknown) => ({ error }),
      );
      if (failure !== null) onError(failure.error);
      if (isClosing()) return;
      isIdle = failure === null;
      await pause(isIdle ? LOOK_EVERY_MS : waitMs(DEFAULT_BACKOFF, failures));
      failures = isIdle ? 0 : failures + 1;
      isIdle = false;
    }
  };
  const stopped = run();

  return {
    wake() {
      hasNews = true;
      if (isIdle) rest.abort(); // Where it waits because of a failure, more of the same does not help.
    },
    async close() {
      stopBy = Math.min(stopBy, clock.now() + CLOSING_MS);
      rest.abort();
      await stopped;
      await deliveries.leave().catch(onError);
    },
  };
}

/** Delivers one batch after the other; rejects with what kept it from that. */
function deliveriesFrom<Entry>(
  { ask, mayHold, owner, clock }: DrainSource,
  deliver: Deliver<Entry>,
  onError: (error: unknown) => void,
) {
  /** The last entry that was delivered and is still in the file. */
  let delivered = 0;
  let bugs = 0;
  /** How many of the next are taken one by one: one of them could not be delivered. */
  let alone = 0;

  const countBug = async ([first, ...others]: readonly Waiting[], error: unknown): Promise<void> => {
    bugs += 1;
    if (bugs < DEFAULT_BACKOFF.tries || first === undefined) return;
    bugs = 0;
    if (others.length > 0) {
      alone = others.length + 1;
      return;
    }
    await ask("layAside", first.id, error instanceof Error ? error.message : String(error));
    onError(new Error(`Entry ${first.id} of the inbox is laid aside: it cannot be delivered`, { cause: error }));
    alone = Math.max(0, alone - 1);
  };

  return {
    /** Answers false where there was nothing to deliver. */
    async next(): Promise<boolean> {
      if (!mayHold()) return false;
      const entries = await ask("take", { owner, delivered, limit: alone > 0 ? 1 : BATCH_SIZE, now: clock.now() });
      delivered = 0;
      const last = entries.at(-1);
      if (last === undefined) return false;
      try {
        await deliver(entries.map(({ body }) => JSON.parse(body)));
      } catch (error) {
        if (!(error instanceof AppError)) await countBug(entries, error);
        throw error;
      }
      delivered = last.id;
      [bugs, alone] = [0, Math.max(0, alone - 1)];
      return true;
    },
    leave: async (): Promise<void> => (mayHold() ? ask("leave", owner, delivered) : undefined),
  };
}
