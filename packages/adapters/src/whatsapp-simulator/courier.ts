/** Owns the handing over of receipts or texts: in batches, when they are due, again and again until the listeners have heard. */
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";
import { createAlarm } from "./alarm.ts";
import type { HandoverQueue } from "./handover-queue.ts";

export type Listener<T> = (items: readonly T[]) => Promise<void>;

export interface Courier<T> {
  /** Begins to hand over what is due, also what a process left behind that no longer runs. */
  start(): void;
  /** Resolves when the batch in hand is heard or refused. */
  stop(): Promise<void>;
  listen(listener: Listener<T>): () => void;
  /** There is something new; the first of it is due at `due`. */
  expect(due: Instant): void;
  /** Why nothing could be handed over the last time, where that was not a listener's doing. */
  trouble(): string | null;
}

const ITEMS_PER_BATCH = 1_000;
/** After so many, however many are left, others have their turn. */
const BATCHES_PER_ROUND = 16;
/** How often it is looked for what other processes have written down. */
const LOOK_EVERY_MS = 1_000;
/** After so long without a sign of whoever hands over, it may be dead, and another one does. */
const LEASE_MS = 3_000;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;

export interface CourierDeps<T> {
  clock: Clock;
  queue: HandoverQueue<T>;
  /** This side's name, different from every other's on the same file. */
  owner: string;
  /** Tells whether anything reaches this side at all. */
  isConnected: () => boolean;
  /** Between two batches, so that what is due one after the other goes together. */
  gapMs: number;
}

export function createCourier<T>({ clock, queue, owner, isConnected, gapMs }: CourierDeps<T>): Courier<T> {
  const listeners = new Set<Listener<T>>();
  const alarm = createAlarm(clock, look);
  const appointment = createAppointment(clock, queue, owner);
  let isStarted = false;
  let failures = 0;
  let trouble: string | null = null;
  let handingOver: Promise<void> | null = null;
  let notBefore: Instant = 0;

  const isReady = () => isStarted && listeners.size > 0 && isConnected();

  function look(): void {
    if (!isReady() || handingOver !== null) return;
    if (clock.now() < notBefore) alarm.setFor(notBefore);
    else handingOver = handOver();
  }

  /** Never rejects: what goes wrong is tried again later. */
  async function handOver(): Promise<void> {
    let pauseMs = gapMs;
    try {
      const ended = await handOverDue(clock, queue, appointment, isReady, tell);
      if (ended === "not_appointed") pauseMs = LOOK_EVERY_MS;
      failures = ended === "refused" ? failures + 1 : 0;
      trouble = null;
    } catch (error) {
      failures += 1;
      trouble = error instanceof Error ? error.message : String(error);
    }
    if (failures > 0) pauseMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
    notBefore = clock.now() + pauseMs;
    handingOver = null;
    // What was written down meanwhile counts as well.
    if (isStarted) alarm.setFor(Math.max(notBefore, nextLook(clock, queue)));
  }

  async function tell(items: readonly T[]): Promise<boolean> {
    const told = await Promise.allSettled([...listeners].map(async (listener) => listener(items)));
    return told.every(({ status }) => status === "fulfilled");
  }

  return {
    start() {
      isStarted = true;
      alarm.setFor(clock.now());
    },
    async stop() {
      isStarted = false;
      alarm.off();
      await handingOver;
      appointment.end();
    },
    listen(listener) {
      // Its own function, so that one listener may listen twice.
      const own: Listener<T> = (items) => listener(items);
      listeners.add(own);
      alarm.setFor(clock.now());
      return () => listeners.delete(own);
    },
    expect: alarm.setFor,
    trouble: () => trouble,
  };
}

async function handOverDue<T>(
  clock: Clock,
  queue: HandoverQueue<T>,
  appointment: Appointment,
  isReady: () => boolean,
  tell: (items: readonly T[]) => Promise<boolean>,
): Promise<"done" | "refused" | "not_appointed"> {
  for (let batches = 0; batches < BATCHES_PER_ROUND && isReady(); batches += 1) {
    if (!appointment.holds()) return "not_appointed";
    const batch = queue.due(clock.now(), ITEMS_PER_BATCH);
    if (batch === null) break;
    if (!(await tell(batch.items))) return "refused";
    queue.settle(batch);
  }
  return "done";
}

function nextLook(clock: Clock, queue: Pick<HandoverQueue<unknown>, "nextDue">): Instant {
  const latest = clock.now() + LOOK_EVERY_MS;
  try {
    return Math.min(latest, queue.nextDue() ?? latest);
  } catch {
    // The next look says what the trouble is.
    return latest;
  }
}

interface Appointment {
  /** Renews it when half of it is over. */
  holds(): boolean;
  end(): void;
}

/** Of all processes on one file, only the one that holds the appointment hands over. */
function createAppointment(clock: Clock, queue: Pick<HandoverQueue<unknown>, "appoint" | "dismiss">, owner: string): Appointment {
  let until: Instant = 0;
  return {
    holds() {
      const now = clock.now();
      if (now > until - LEASE_MS / 2) until = queue.appoint(owner, now, now + LEASE_MS) ? now + LEASE_MS : 0;
      return now < until;
    },
    end() {
      if (until > 0) queue.dismiss(owner);
      until = 0;
    },
  };
}
