/** Owns the last stage: what became known of messages is applied to their rows, and campaigns that are done complete. */
import { parseMessageId } from "@mini-crm/core/message/message";
import type { PipelineDeps, Stage, Timing } from "./deps.ts";

export interface StatusAggregatorStats {
  isRunning: boolean;
  /** Messages whose sending came to an end: sent, failed, skipped or uncertain. */
  processed: number;
  /** Receipts from the provider. */
  receipts: number;
  /** Campaigns completed. */
  completed: number;
  errors: number;
}

const STATUSES_PER_BATCH = 2_000;

export function startStatusAggregator({ bus, clock, log }: PipelineDeps, timing: Timing): Stage<StatusAggregatorStats> {
  const stats: StatusAggregatorStats = { isRunning: true, processed: 0, receipts: 0, completed: 0, errors: 0 };

  const consumption = bus.consume({
    topic: "message.statuses",
    group: "status-aggregator",
    batchSize: STATUSES_PER_BATCH,
    async handler({ events, commit }) {
      const statuses = events.map(({ value }) => value);
      // The sender has written its own outcomes; what is left of them is whether their campaigns are done.
      const receipts = statuses.filter(({ source }) => source === "receipt");
      const outcomes = statuses.filter(({ source }) => source === "send");
      const campaigns = [...new Set(outcomes.map(({ message_id }) => parseMessageId(message_id)?.campaignId ?? ""))];
      const input = { receipts, campaigns, now: clock.now(), receiptWindowMs: timing.receiptWindowMs };
      const [folded] = await commit([{ step: "fold", input }]);
      stats.processed += outcomes.length;
      stats.receipts += receipts.length;
      stats.completed += folded.completed.length;
      for (const campaign of folded.completed) log.info({ campaign }, "Campaign completed");
    },
    onError(error) {
      stats.errors += 1;
      log.error({ err: error, stage: "StatusAggregator" }, "Statuses could not be applied");
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
