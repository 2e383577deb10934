/** Owns the look at the log from time to time: for what other processes have committed, and for what can be swept away. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Database } from "../sqlite/database.ts";

/** What every group has passed is kept a little longer, for whoever looks into what happened. */
const KEPT_FOR_MS = 300_000;
const SWEEP_EVERY_MS = 60_000;

export interface LogWatch {
  /** Begins; a second call changes nothing. */
  start(): void;
  stop(): void;
}

/** Calls `wake` when another connection has committed, and from time to time so that partitions in hand are renewed. */
export function watchLog(
  database: Database,
  clock: Clock,
  { pollMs, wakeAtLeastEveryMs }: { pollMs: number; wakeAtLeastEveryMs: number },
  wake: () => void,
): LogWatch {
  let cancel: (() => void) | null = null;
  let version = -1;
  let wokenAt = clock.now();
  let sweptAt = clock.now();

  const look = async (): Promise<void> => {
    const seen = await database.call("read", "dataVersion").catch(() => version);
    if (seen !== version || clock.now() - wokenAt > wakeAtLeastEveryMs) {
      version = seen;
      wokenAt = clock.now();
      wake();
    }
    if (clock.now() - sweptAt > SWEEP_EVERY_MS) {
      sweptAt = clock.now();
      await database.call("write", "sweepLog", sweptAt - KEPT_FOR_MS).catch(() => 0);
    }
    if (cancel !== null) lookLater();
  };
  const lookLater = (): void => {
    cancel = clock.schedule(pollMs, () => void look());
  };

  return {
    start() {
      if (cancel === null) lookLater();
    },
    stop() {
      cancel?.();
      cancel = null;
    },
  };
}
