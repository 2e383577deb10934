/** Owns what only time brings about: expired leases, due retries, overdue receipts. */
import type { PipelineDeps, Stage, Timing } from "./deps.ts";

export interface SchedulerStats {
  isRunning: boolean;
  /** Claims whose worker went silent: free again. */
  freed: number;
  /** Sends whose worker went silent: uncertain. */
  uncertain: number;
  errors: number;
}

/** How many messages one look puts right; the next look follows at once where there were more. */
const MESSAGES_PER_LOOK = 5_000;

export function startScheduler({ bus, clock, log }: PipelineDeps, timing: Timing): Stage<SchedulerStats> {
  const stats: SchedulerStats = { isRunning: true, freed: 0, uncertain: 0, errors: 0 };
  const closing = new AbortController();

  const look = async (): Promise<boolean> => {
    const input = { now: clock.now(), receiptWindowMs: timing.receiptWindowMs, limit: MESSAGES_PER_LOOK };
    const [{ freed, uncertain, due, completed }] = await bus.commit([{ step: "recover", input }]);
    stats.freed += freed;
    stats.uncertain += uncertain;
    if (freed + uncertain > 0) log.warn({ freed, uncertain }, "A worker went silent: its messages are free again or uncertain");
    for (const campaign of completed) log.info({ campaign }, "Campaign completed; some receipts never came");
    return freed + uncertain + due >= MESSAGES_PER_LOOK;
  };

  const run = async (): Promise<void> => {
    let started = false;
    while (!closing.signal.aborted) {
      try {
        // What an earlier process left behind is taken up once; after that, events and leases say what to do.
        if (!started) await bus.commit([{ step: "resume", input: { now: clock.now() } }]);
        started = true;
        if (await look()) continue;
      } catch (error) {
        stats.errors += 1;
        log.error({ err: error, stage: "Scheduler" }, "Expired leases could not be looked for");
      }
      await clock.sleep(timing.recoverEveryMs, closing.signal);
    }
  };
  const stopped = run();

  return {
    stats: () => ({ ...stats }),
    async close() {
      stats.isRunning = false;
      closing.abort();
      await stopped;
    },
  };
}
