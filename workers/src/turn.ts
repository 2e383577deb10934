/** Owns how channels share a batch: each is sent over for a turn, and none waits for what another one has on the wire. */
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";

/**
 * Channels share a partition, and so a batch, but not their limits. So a batch is one turn: what a channel that waits has not
 * sent when the turn is over goes to the back of the queue, and holds none of the others' messages up.
 */
export interface Turn {
  /** Aborts when the batch is to be given back. */
  signal: AbortSignal;
  isOver(): boolean;
  /** Waits until `at`, but no longer than until it is over. */
  waitUntil(at: Instant): Promise<void>;
  /** What `promise` resolves to; `over` where the turn is over before. */
  within<T>(promise: Promise<T>): Promise<T | "over">;
}

export function startTurn(clock: Clock, turnMs: number, signal: AbortSignal): Turn {
  const endsAt = clock.now() + turnMs;
  return {
    signal,
    isOver: () => clock.now() >= endsAt,
    waitUntil: (at) => clock.sleep(Math.min(at, endsAt) - clock.now(), signal),
    async within(promise) {
      const settled = new AbortController();
      const over = clock.sleep(endsAt - clock.now(), settled.signal).then(() => "over" as const);
      try {
        return await Promise.race([promise, over]);
      } finally {
        settled.abort();
      }
    },
  };
}

/** What is on the wire, by channel: WhatsApp may take longer to answer than a turn. */
export interface Wire {
  /** Waits for what went out over a channel in earlier turns; false where the turn is over before that is answered. */
  isFree(channelId: string, turn: Turn): Promise<boolean>;
  /** Does what goes out over a channel; where the turn is over before that has ended, it goes on by itself. */
  carry<T>(channelId: string, turn: Turn, act: () => Promise<T>): Promise<T | "over">;
  /** Waits for everything. */
  close(): Promise<void>;
}

/** `onError` hears what went wrong when nobody waited for it any more. */
export function createWire(onError: (error: unknown) => void): Wire {
  const underWay = new Map<string, Set<Promise<unknown>>>();
  const over = (channelId: string) => [...(underWay.get(channelId) ?? [])];

  return {
    async isFree(channelId, turn) {
      return (await turn.within(Promise.all(over(channelId)))) !== "over";
    },
    async carry(channelId, turn, act) {
      const acting = act();
      const ended = acting.then(
        () => {},
        () => {},
      );
      const others = underWay.get(channelId) ?? new Set();
      underWay.set(channelId, others.add(ended));
      void ended.then(() => others.delete(ended));
      const answer = await turn.within(acting);
      if (answer === "over") acting.catch(onError);
      return answer;
    },
    async close() {
      await Promise.all([...underWay.keys()].flatMap(over));
    },
  };
}
