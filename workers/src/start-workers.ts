/** Owns the worker cluster: its stages in the order of a message's way, and the way in for receipts. */
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import type { Channel, PipelineDeps, Stage, Timing } from "./deps.ts";
import { type JobExpanderStats, startJobExpander } from "./job-expander.ts";
import { type SchedulerStats, startScheduler } from "./scheduler.ts";
import { type SendWorker, startSendWorker } from "./send-worker.ts";
import { startSigns } from "./signs.ts";
import { type StatusAggregatorStats, startStatusAggregator } from "./status-aggregator.ts";

export interface Workers {
  jobExpander: Stage<JobExpanderStats>;
  sendWorker: SendWorker;
  statusAggregator: Stage<StatusAggregatorStats>;
  scheduler: Stage<SchedulerStats>;
  close(): Promise<void>;
}

export const DEFAULT_TIMING: Omit<Timing, "receiptWindowMs"> = {
  leaseMs: 30_000,
  sendTimeoutMs: 20_000,
  recoverEveryMs: 1_000,
};

/** Starts every stage on a connected or connecting provider. Closing ends them in the order in which messages pass them. */
export async function startWorkers(deps: PipelineDeps, channels: readonly Channel[], timing: Timing): Promise<Workers> {
  const stopReceipts = channels.map(({ provider }) => publishReceipts(deps, provider));
  for (const { provider } of channels) await provider.start();
  const jobExpander = startJobExpander(deps);
  const sendWorker = startSendWorker(deps, channels, timing);
  const statusAggregator = startStatusAggregator(deps, timing);
  const scheduler = startScheduler(deps, sendWorker.senders, timing);
  const stages = { jobExpander, sendWorker, statusAggregator, scheduler };
  const signs = startSigns(deps, () => ({
    jobExpander: stateOf(jobExpander.stats()),
    sendWorker: stateOf(sendWorker.stats()),
    statusAggregator: stateOf(statusAggregator.stats()),
    scheduler: stateOf(scheduler.stats()),
  }));

  return {
    ...stages,
    async close() {
      await scheduler.close();
      await jobExpander.close();
      await sendWorker.close();
      for (const { provider } of channels) await provider.stop();
      for (const stop of stopReceipts) stop();
      await statusAggregator.close();
      await signs.close();
    },
  };
}

function stateOf({ isRunning }: { isRunning: boolean }): string {
  return isRunning ? "running" : "stopped";
}

/** What the provider says of messages goes the same way as what the sender says of them. */
function publishReceipts({ bus }: PipelineDeps, provider: WhatsAppProvider): () => void {
  return provider.onReceipts(async (receipts) => {
    await bus.publish(
      receipts.map(
        ({ messageId, status, at, code, reason }): TopicEvent<"message.statuses"> => ({
          topic: "message.statuses",
          key: messageId,
          value: { version: 1, message_id: messageId, source: "receipt", status, at, code, reason },
        }),
      ),
    );
  });
}
