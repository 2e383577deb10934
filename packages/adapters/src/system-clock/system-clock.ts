/** Owns the real clock: the machine's time, timers that keep no process alive, and the machine's chance. */
import { type Clock, sleepOn } from "@mini-crm/core/ports/clock";

/** Node's timers hold 31 bits of milliseconds, and take more for 1: longer waits are made of several. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function systemClock(): Clock {
  return { now: Date.now, sleep: sleepOn(schedule), schedule, random: Math.random };
}

function schedule(delayMs: number, task: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (restMs: number) => {
    const ms = Math.min(restMs, LONGEST_TIMER_MS);
    timer = setTimeout(() => (restMs > ms ? arm(restMs - ms) : task()), ms).unref();
  };
  arm(Math.max(0, delayMs));
  return () => clearTimeout(timer);
}
