/** Owns how long to wait before the next try: each time about twice as long, and never the same for two. */
import type { Clock } from "@mini-crm/core/ports/clock";

const FIRST_MS = 1_000;
const MOST_MS = 300_000;

export interface Backoff {
  nextMs(): number;
  reset(): void;
}

export function createBackoff(clock: Pick<Clock, "random">): Backoff {
  let tries = 0;
  return {
    nextMs() {
      const fullMs = Math.min(MOST_MS, FIRST_MS * 2 ** tries);
      tries = Math.min(tries + 1, 20);
      return Math.round(fullMs * (0.5 + clock.random() / 2));
    },
    reset() {
      tries = 0;
    },
  };
}
