/** Owns the life of one simulated process: its own clock, and the effect at which it is cut off or freezes. */
import { chanceFrom, hashOf } from "@mini-crm/core/chance";
import { type Clock, sleepOn } from "@mini-crm/core/ports/clock";

/** What an effect is: a call of the database by its verb, a message handed to WhatsApp, or receipts being heard. */
export type Effect = string;

/** Strikes at the `nth` effect of a kind (null: of any kind) from now on, before or after it is carried out. */
export interface Fuse {
  effect: Effect | null;
  nth: number;
  when: "before" | "after";
  /** What it does to the process, or what else happens in the world just then. */
  blow: Blow | (() => void);
}

export type Blow = "crash" | "freeze";

/**
 *     awake <-> frozen
 *       +---------+--> dead
 *
 * Frozen: nothing of the process runs, and what happens to it waits. Dead: nothing of it ever runs again; its calls never return.
 */
export type LifeState = "awake" | "frozen" | "dead";

export interface Life {
  readonly name: string;
  /** Its timers stand still while it is frozen, and die with it. */
  readonly clock: Clock;
  state(): LifeState;
  /** Carries an effect out, if the process lives to see it. `act` has its effect before it returns its promise. */
  effect<T>(effect: Effect, act: () => Promise<T>): Promise<T>;
  /**
   * The same for what a program cannot take back: between its last look at the clock and the wire nothing can stop a message,
   * so a process is never frozen there, only just after.
   */
  handOver<T>(effect: Effect, act: () => Promise<T>): Promise<T>;
  addFuse(fuse: Fuse): void;
  clearFuses(): void;
  /** Sets the process's clock so far ahead of the time that is the same for all, or behind it. */
  setClock(offsetMs: number): void;
  crash(): void;
  freeze(): void;
  thaw(): void;
}

export interface LifeOptions {
  name: string;
  /** The time that is the same for all. */
  time: Clock;
  seed: number;
  /** Hears that a fuse has struck the process. */
  onStruck: (blow: Blow) => void;
}

export function createLife({ name, time, seed, onStruck }: LifeOptions): Life {
  let state: LifeState = "awake";
  let offsetMs = 0;
  let fuses: Fuse[] = [];
  let thawed = Promise.withResolvers<void>();
  /** Timers that became due while it was frozen. */
  let overdue: (() => void)[] = [];

  function schedule(delayMs: number, task: () => void): () => void {
    let isOff = false;
    const ring = () => {
      if (isOff || state === "dead") return;
      if (state === "frozen") overdue.push(ring);
      else task();
    };
    const cancel = time.schedule(delayMs, ring);
    return () => {
      isOff = true;
      cancel();
    };
  }
  const clock: Clock = {
    now: () => time.now() + offsetMs,
    schedule,
    sleep: sleepOn(schedule),
    random: chanceFrom(hashOf(seed, `clock of ${name}`)),
  };

  function crash(): void {
    state = "dead";
  }
  function freeze(): void {
    if (state !== "awake") return;
    state = "frozen";
    thawed = Promise.withResolvers();
  }
  function thaw(): void {
    if (state !== "frozen") return;
    state = "awake";
    thawed.resolve();
    const due = overdue;
    overdue = [];
    for (const ring of due) ring();
  }

  const isDead = () => state === "dead";
  async function whenAwake(): Promise<void> {
    while (state !== "awake") await (state === "frozen" ? thawed.promise : new Promise<never>(() => {}));
  }
  /** Burns the fuses down; answers those that strike at this effect. */
  function struckAt(effect: Effect): Fuse[] {
    const struck: Fuse[] = [];
    if (fuses.length === 0) return struck;
    for (const fuse of fuses) {
      if (fuse.effect !== null && fuse.effect !== effect) continue;
      fuse.nth -= 1;
      if (fuse.nth === 0) struck.push(fuse);
    }
    fuses = fuses.filter(({ nth }) => nth > 0);
    return struck;
  }
  function strike(struck: readonly Fuse[], isNow: (fuse: Fuse) => boolean): void {
    for (const fuse of struck) {
      const { blow } = fuse;
      if (!isNow(fuse) || state === "dead") continue;
      if (typeof blow === "function") {
        blow();
        continue;
      }
      if (blow === "crash") crash();
      else freeze();
      onStruck(blow);
    }
  }

  /** Gives the answer of what was carried out to a process that is there to hear it. */
  async function heard<T>(answer: Promise<T>): Promise<T> {
    try {
      const value = await answer;
      if (state !== "awake") await whenAwake();
      return value;
    } catch (error) {
      if (state !== "awake") await whenAwake();
      throw error;
    }
  }

  return {
    name,
    clock,
    state: () => state,
    async effect(effect, act) {
      if (state !== "awake") await whenAwake();
      const struck = struckAt(effect);
      strike(struck, ({ when }) => when === "before");
      if (state !== "awake") await whenAwake();
      const answer = act();
      strike(struck, ({ when }) => when === "after");
      return heard(answer);
    },
    async handOver(effect, act) {
      if (isDead()) await whenAwake();
      const struck = struckAt(effect);
      const isBefore = ({ when, blow }: Fuse) => when === "before" && blow === "crash";
      strike(struck, isBefore);
      if (isDead()) await whenAwake();
      const answer = act();
      strike(struck, (fuse) => !isBefore(fuse));
      return heard(answer);
    },
    addFuse: (fuse) => fuses.push({ ...fuse }),
    clearFuses() {
      fuses = [];
    },
    setClock(ahead) {
      offsetMs = ahead;
    },
    crash,
    freeze,
    thaw,
  };
}
