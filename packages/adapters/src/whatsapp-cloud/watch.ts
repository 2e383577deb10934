/** Owns when Meta is asked how the number is: at the start, every few minutes, and soon after there was trouble. */
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { SendAnswer } from "@mini-crm/core/ports/whatsapp-provider";
import { isUnreachable } from "./errors.ts";
import type { NumberLook } from "./number.ts";
import { afterLook, afterRefusal, afterSilence, type Standing, stoppedStanding, whileLooking } from "./standing.ts";

export interface Watch {
  standing(): Pick<Standing, "connection" | "facts">;
  /** Resolves when the first look has ended, whatever it saw. */
  start(): Promise<void>;
  stop(): void;
  /** The answer to a send says something of the connection as well. */
  heed(answer: SendAnswer): void;
  /** Something has changed at Meta, or may have. */
  lookSoon(): void;
}

const SOON_MS = 1_000;

export interface WatchDeps {
  clock: Clock;
  lookUp: (signal: AbortSignal) => Promise<NumberLook>;
}

export function createWatch({ clock, lookUp }: WatchDeps): Watch {
  let standing = stoppedStanding("The channel is not started", clock.now());
  let run: AbortController | null = null;
  let next: { at: Instant; cancel: () => void } | null = null;
  let isLooking = false;

  /** There is one look at a time: where one is under way, it sets the next. */
  function lookIn(delayMs: number): void {
    if (run === null || isLooking) return;
    next?.cancel();
    next = { at: clock.now() + delayMs, cancel: clock.schedule(delayMs, () => void look()) };
  }

  function change(changed: Standing): void {
    standing = changed;
    lookIn(changed.lookInMs);
  }

  /** Never rejects. */
  async function look(): Promise<void> {
    const mine = run;
    if (mine === null) return;
    isLooking = true;
    standing = whileLooking(standing, clock.now());
    const seen = await lookUp(mine.signal);
    if (run !== mine) return;
    isLooking = false;
    change(afterLook(standing, seen, clock.now(), clock.random()));
  }

  function lookSoon(): void {
    if (next === null || next.at > clock.now() + SOON_MS) lookIn(SOON_MS);
  }

  function heed(answer: SendAnswer): void {
    // Of many sends at once, those that are answered after the first one that changed the state say nothing new.
    if (standing.connection.state !== "open") return;
    const now = clock.now();
    if (answer.kind === "session") change(afterRefusal(standing, answer.state, answer.reason, now));
    else if (isUnreachable(answer)) change(afterSilence(standing, answer.reason, now, clock.random()));
    else if (answer.kind === "unknown") lookSoon();
  }

  return {
    standing: () => standing,
    async start() {
      if (run !== null) return;
      run = new AbortController();
      isLooking = false;
      await look();
    },
    stop() {
      if (run === null) return;
      run.abort();
      run = null;
      next?.cancel();
      next = null;
      standing = stoppedStanding("The channel is stopped", clock.now());
    },
    heed,
    lookSoon,
  };
}
