/** Owns the virtual clock: time that only moves when it is told to, and chance from a seed, so that a run can be repeated. */
import { chanceFrom, hashOf } from "../chance.ts";
import { dueQueue } from "../due-queue.ts";
import type { Instant } from "../instant.ts";
import { type Clock, sleepOn } from "./clock.ts";

export interface VirtualClock extends Clock {
  /**
   * Moves time on by `durationMs`. Every task that becomes due runs at its own moment, in order, and what it sets off settles
   * before the next one. Rejects with what a task throws.
   */
  advance(durationMs: number): Promise<void>;
}

export interface VirtualClockOptions {
  /** The first moment. */
  start?: Instant;
  seed?: number;
  /** Resolves when all that has been set off has come to rest; by default after every promise that needs nothing from outside. */
  settle?: () => Promise<void>;
}

export function virtualClock(options: VirtualClockOptions = {}): VirtualClock {
  const settle = options.settle ?? nextTurn;
  const timers = dueQueue<{ task: (() => void) | null }>();
  let time = options.start ?? Date.UTC(2025, 0, 15, 12);
  let advancing = false;

  function schedule(delayMs: number, task: () => void): () => void {
    const timer: { task: (() => void) | null } = { task };
    timers.push(time + Math.max(0, delayMs), timer);
    return () => {
      timer.task = null;
    };
  }

  async function advance(durationMs: number): Promise<void> {
    if (advancing) throw new Error("The virtual clock is already advancing: await that first.");
    advancing = true;
    try {
      const end = time + durationMs;
      await settle();
      for (let at = timers.nextAt(); at !== null && at <= end; at = timers.nextAt()) {
        time = Math.max(time, at);
        const task = timers.takeDue(time)?.task;
        if (!task) continue;
        task();
        await settle();
      }
      time = end;
    } finally {
      advancing = false;
    }
  }

  return { now: () => time, sleep: sleepOn(schedule), schedule, random: chanceFrom(hashOf(options.seed ?? 1, "clock")), advance };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
