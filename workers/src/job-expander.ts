/** Owns the first stage: a campaign's job becomes message rows, a window of leads at a time, and looks at them. */
import type { Step } from "@mini-crm/core/ports/steps";
import type { PipelineDeps, Stage } from "./deps.ts";

export interface JobExpanderStats {
  isRunning: boolean;
  /** Campaigns whose whole audience has been written down. */
  processedJobs: number;
  /** Message rows written. */
  processedLeads: number;
  errors: number;
  lastProcessed: string | null;
}

/** How many leads one step looks at: some 50 ms of work, so that nobody waits long for the store. */
const LEADS_PER_WINDOW = 20_000;

export function startJobExpander({ bus, clock, log }: PipelineDeps): Stage<JobExpanderStats> {
  const stats: JobExpanderStats = { isRunning: true, processedJobs: 0, processedLeads: 0, errors: 0, lastProcessed: null };

  const consumption = bus.consume({
    topic: "campaign.jobs",
    group: "job-expander",
    // One window a transaction, so that nobody waits long for the store.
    batchSize: 1,
    async handler({ events, commit }) {
      const now = clock.now();
      const steps = events.map(
        ({ value: { campaign_id, after } }): Step<"expand"> => ({
          step: "expand",
          input: { campaign_id, after, leadsPerWindow: LEADS_PER_WINDOW, now },
        }),
      );
      for (const result of await commit(steps)) {
        if (result.kind !== "expanded") continue;
        stats.processedLeads += result.written;
        if (result.last) stats.processedJobs += 1;
        stats.lastProcessed = new Date(now).toISOString();
      }
    },
    onError(error) {
      stats.errors += 1;
      log.error({ err: error, stage: "JobExpander" }, "A campaign job could not be expanded");
    },
  });

  return {
    stats: () => ({ ...stats }),
    async close() {
      stats.isRunning = false;
      await consumption.close();
    },
  };
}
