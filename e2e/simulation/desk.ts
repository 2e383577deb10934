/** Owns what WhatsApp hands to the workers of its own accord: to one process at a time, and again until somebody has heard it. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Effect, Life } from "./life.ts";

export type Listener<T> = (items: readonly T[]) => Promise<void>;

export interface Desk<T> {
  /** The process hears from now on, as long as it lives and is awake; the returned function ends it. */
  listen(life: Life, listener: Listener<T>): () => void;
  /** Somebody has died, frozen or woken up: whoever is there now hears what comes. */
  lookWhoListens(): void;
}

export interface DeskOptions<T> {
  effect: Effect;
  time: Clock;
  /** Where it comes from; nothing is handed over while nobody listens. */
  source: (listener: Listener<T>) => () => void;
  onHandOver: (life: Life, items: readonly T[]) => void;
}

/** After so long without an answer from whoever hears it, it is handed to somebody else. */
const HEARING_MS = 3_000;

export function createDesk<T>({ effect, time, source, onHandOver }: DeskOptions<T>): Desk<T> {
  const listening = new Map<Life, Listener<T>>();
  let stopSource: (() => void) | null = null;

  async function tell(items: readonly T[]): Promise<void> {
    const hearer = [...listening].find(([life]) => life.state() === "awake");
    if (hearer === undefined) throw new Error("Nobody listens");
    const [life, listener] = hearer;
    onHandOver(life, items);
    const tooLate = Promise.withResolvers<never>();
    const callOff = time.schedule(HEARING_MS, () => tooLate.reject(new Error("Nobody said that it was heard")));
    await Promise.race([life.effect(effect, () => listener(items)), tooLate.promise]).finally(callOff);
  }

  function lookWhoListens(): void {
    for (const life of listening.keys()) if (life.state() === "dead") listening.delete(life);
    const anybody = [...listening.keys()].some((life) => life.state() === "awake");
    if (anybody) stopSource ??= source(tell);
    if (anybody) return;
    stopSource?.();
    stopSource = null;
  }

  return {
    listen(life, listener) {
      listening.set(life, listener);
      lookWhoListens();
      return () => {
        listening.delete(life);
        lookWhoListens();
      };
    },
    lookWhoListens,
  };
}
