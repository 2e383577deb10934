/** Owns the circuit breaker of a channel: when its account keeps failing, sending stops, and is tried again later. */
import { unreachable } from "../app-error.ts";
import type { Instant } from "../instant.ts";
import type { Clock } from "../ports/clock.ts";

export interface BreakerOptions {
  /** It opens after so many failures without a success between them. */
  failures: number;
  /** How long it stays open the first time; each time that the trial fails, twice as long. */
  firstBackoffMs: number;
  maxBackoffMs: number;
}

const DEFAULTS: BreakerOptions = { failures: 5, firstBackoffMs: 1_000, maxBackoffMs: 60_000 };

/**
 *     closed --failures--> open --backoff--> half_open --success--> closed
 *                            ^------failure------+
 *
 * `reason` is that of the last failure that still counts, `until` the end of the backoff.
 */
export type BreakerState =
  | { state: "closed"; since: Instant; failures: number; reason: string | null }
  | { state: "open"; since: Instant; until: Instant; reason: string }
  | { state: "half_open"; since: Instant; reason: string };

export interface Breaker {
  /** How many sends may go now. Ask again when the results of those are told: half-open, one goes as a trial. */
  permits(): number;
  /** When sending may be tried again: now, unless it is open. */
  until(): Instant;
  /** A send reached the account: it was accepted, or refused for what only concerns its recipient. */
  succeeded(): void;
  /**
   * The account as a whole could not send. Where it asked to be left alone for `restMs`, the breaker opens at once for at least
   * as long.
   */
  failed(reason: string, restMs?: number | null): void;
  /** There was no connection to send over: it opens at once, until a connection opens. */
  unconnected(reason: string): void;
  /** The connection is open, since then. */
  connected(since: Instant): void;
  /** The truth for people: where it stands, since when, and why. */
  state(): BreakerState;
}

export function createBreaker(clock: Pick<Clock, "now" | "random">, options: BreakerOptions = DEFAULTS): Breaker {
  let current: BreakerState = closed(clock.now());
  /** How often it has opened without having closed since. */
  let openings = 0;
  /** When the last send failed for want of a connection, where it is open for nothing else; else null. */
  let unconnectedAt: Instant | null = null;

  function state(): BreakerState {
    if (current.state === "open" && clock.now() >= current.until) {
      current = { state: "half_open", since: current.until, reason: current.reason };
    }
    return current;
  }

  function permits(): number {
    const now = state();
    switch (now.state) {
      case "closed":
        return Number.POSITIVE_INFINITY;
      case "half_open":
        return 1;
      case "open":
        return 0;
      default:
        return unreachable(now);
    }
  }

  function until(): Instant {
    const now = state();
    return now.state === "open" ? now.until : clock.now();
  }

  function succeeded(): void {
    const now = state();
    // A send that left before it opened says nothing of how things are since.
    if (now.state === "open") return;
    begin(now.state === "closed" ? now.since : clock.now());
  }

  function begin(since: Instant): void {
    openings = 0;
    unconnectedAt = null;
    current = closed(since);
  }

  function failed(reason: string, restMs: number | null = null): void {
    const now = state();
    // As for a success: of many sends at once, those that fail after the one that opened it change nothing.
    if (now.state === "open") return;
    if (now.state === "closed" && now.failures + 1 < options.failures && restMs === null) {
      current = { ...now, failures: now.failures + 1, reason };
      return;
    }
    open(reason, restMs ?? 0);
    unconnectedAt = null;
  }

  function unconnected(reason: string): void {
    const now = state();
    if (now.state === "open") return;
    // Where it had opened for something else, another connection has not mended that.
    const isCause = now.state === "closed" || unconnectedAt !== null;
    open(reason, 0);
    unconnectedAt = isCause ? clock.now() : null;
  }

  function connected(since: Instant): void {
    if (unconnectedAt !== null && since >= unconnectedAt) begin(since);
  }

  function open(reason: string, restMs: number): void {
    const at = clock.now();
    current = { state: "open", since: at, until: at + Math.max(backoffMs(), restMs), reason };
    openings += 1;
  }

  /** Between three quarters and all of the doubled time, so that many channels don't come back at the same moment. */
  function backoffMs(): number {
    const fullMs = Math.min(options.maxBackoffMs, options.firstBackoffMs * 2 ** openings);
    return Math.round(fullMs * (0.75 + clock.random() / 4));
  }

  return { permits, until, succeeded, failed, unconnected, connected, state };
}

function closed(since: Instant): BreakerState {
  return { state: "closed", since, failures: 0, reason: null };
}
