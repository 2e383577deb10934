/** Owns the handing over of receipts: in batches, when they are due, again and again until the listeners have heard them. */
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Receipt } from "@mini-crm/core/ports/whatsapp-provider";
import { createAlarm } from "./alarm.ts";
import type { ReceiptQueue } from "./receipt-queue.ts";

export type ReceiptListener = (receipts: readonly Receipt[]) => Promise<void>;

export interface Courier {
  /** Begins to hand over what is due, also what a process left behind that no longer runs. */
  start(): void;
  /** Resolves when the batch in hand is heard or refused. */
  stop(): Promise<void>;
  listen(listener: ReceiptListener): () => void;
  /** There are new receipts; the first of them is due at `due`. */
  expect(due: Instant): void;
  /** Why receipts could not be handed over the last time, where that was not a listener's doing. */
  trouble(): string | null;
}

const RECEIPTS_PER_BATCH = 1_000;
/** So that receipts which are due one after the other go together. */
const GAP_MS = 10;
/** How often receipts are looked for that other processes have written down. */
const LOOK_EVERY_MS = 1_000;
/** After so long without a sign of whoever hands receipts over, it may be dead, and another one does. */
const LEASE_MS = 3_000;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;

/** `isConnected` tells whether receipts reach this side at all. */
export function createCourier(clock: Clock, queue: ReceiptQueue, isConnected: () => boolean): Courier {
  const listeners = new Set<ReceiptListener>();
  const alarm = createAlarm(clock, look);
  let isStarted = false;
  let failures = 0;
  let trouble: string | null = null;
  let handingOver: Promise<void> | null = null;
  let notBefore: Instant = 0;
  const owner = `${process.pid}-${clock.random()}`;
  let appointedUntil: Instant = 0;

  const isReady = () => isStarted && listeners.size > 0 && isConnected();

  function isAppointed(): boolean {
    const now = clock.now();
    if (now > appointedUntil - LEASE_MS / 2) {
      appointedUntil = queue.appoint(owner, now, now + LEASE_MS) ? now + LEASE_MS : 0;
    }
    return now < appointedUntil;
  }

  function look(): void {
    if (!isReady() || handingOver !== null) return;
    if (clock.now() < notBefore) return alarm.setFor(notBefore);
    handingOver = handOver().finally(() => {
      handingOver = null;
      const pauseMs = failures === 0 ? GAP_MS : Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
      notBefore = clock.now() + pauseMs;
      if (isStarted) alarm.setFor(nextLook());
    });
  }

  /** What was written down while receipts were being handed over counts as well. */
  function nextLook(): Instant {
    const latest = clock.now() + LOOK_EVERY_MS;
    try {
      return Math.max(notBefore, Math.min(latest, queue.nextDue() ?? latest));
    } catch {
      return latest;
    }
  }

  /** Never rejects: what goes wrong is tried again later. */
  async function handOver(): Promise<void> {
    try {
      while (isReady() && isAppointed()) {
        const batch = queue.due(clock.now(), RECEIPTS_PER_BATCH);
        trouble = null;
        if (batch === null) return;
        if (!(await tell(batch.receipts))) {
          failures += 1;
          return;
        }
        queue.settle(batch);
        failures = 0;
      }
    } catch (error) {
      failures += 1;
      trouble = error instanceof Error ? error.message : String(error);
    }
  }

  async function tell(receipts: readonly Receipt[]): Promise<boolean> {
    const told = await Promise.allSettled([...listeners].map(async (listener) => listener(receipts)));
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
      if (appointedUntil > 0) queue.dismiss(owner);
      appointedUntil = 0;
    },
    listen(listener) {
      // Its own function, so that one listener may listen twice.
      const own: ReceiptListener = (receipts) => listener(receipts);
      listeners.add(own);
      alarm.setFor(clock.now());
      return () => listeners.delete(own);
    },
    expect: alarm.setFor,
    trouble: () => trouble,
  };
}
