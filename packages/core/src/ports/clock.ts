/** Owns the port through which the domain sees time, waits and chance, so that all three can be virtual and repeatable. */
import type { Instant } from "../instant.ts";

export interface Clock {
  /** The present moment, in epoch milliseconds. */
  now(): Instant;
  /** Resolves after `durationMs`, or at once when `signal` aborts: the caller looks at the signal to tell which. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
  /** Calls `task` once after `delayMs`; the returned function calls it off. Keeps no process alive. */
  schedule(delayMs: number, task: () => void): () => void;
  /** A number in [0, 1), from the clock's own source of chance. */
  random(): number;
}

/** `Clock.sleep` by way of `Clock.schedule`. */
export function sleepOn(schedule: Clock["schedule"]): Clock["sleep"] {
  return (durationMs, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        cancel();
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const cancel = schedule(durationMs, wake);
      signal?.addEventListener("abort", wake);
    });
}
