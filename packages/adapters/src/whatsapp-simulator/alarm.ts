/** Owns an alarm: one timer for many moments, which rings at the earliest that it was asked for. */
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";

export interface Alarm {
  /** Rings at `moment`, or at the one that was asked for already where that is earlier. A moment that is past rings soon. */
  setFor(moment: Instant): void;
  off(): void;
}

export function createAlarm(clock: Clock, ring: () => void): Alarm {
  let next: { moment: Instant; cancel: () => void } | null = null;

  function off(): void {
    next?.cancel();
    next = null;
  }

  function setFor(moment: Instant): void {
    if (next !== null && next.moment <= moment) return;
    off();
    const cancel = after(Math.max(0, moment - clock.now()), () => {
      next = null;
      ring();
    });
    next = { moment, cancel };
  }

  /** What is due now rings when the running code is done, so that all of what it asks for is gathered. */
  function after(delayMs: number, task: () => void): () => void {
    if (delayMs > 0) return clock.schedule(delayMs, task);
    let isOff = false;
    queueMicrotask(() => {
      if (!isOff) task();
    });
    return () => {
      isOff = true;
    };
  }

  return { setFor, off };
}
