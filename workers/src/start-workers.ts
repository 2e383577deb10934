/** Owns the worker cluster: its connections, and its stages in the order of a message's way. */
import { channelSignOf } from "./channel-sign.ts";
import { type Channels, startChannels } from "./channels.ts";
import type { ChannelAccess, PipelineDeps, Stage, Timing } from "./deps.ts";
import { type DirectSenderStats, startDirectSender } from "./direct-sender.ts";
import { type InboundListenerStats, startInboundListener } from "./inbound-listener.ts";
import { type JobExpanderStats, startJobExpander } from "./job-expander.ts";
import { type SchedulerStats, startScheduler } from "./scheduler.ts";
import { type SendWorkerStats, startSendWorker } from "./send-worker.ts";
import { startSigns } from "./signs.ts";
import { type StatusAggregatorStats, startStatusAggregator } from "./status-aggregator.ts";

export interface Workers {
  channels: Channels;
  jobExpander: Stage<JobExpanderStats>;
  sendWorker: Stage<SendWorkerStats>;
  directSender: Stage<DirectSenderStats>;
  statusAggregator: Stage<StatusAggregatorStats>;
  inboundListener: Stage<InboundListenerStats>;
  scheduler: Stage<SchedulerStats>;
  close(): Promise<void>;
}

export const DEFAULT_TIMING: Omit<Timing, "receiptWindowMs"> = {
  leaseMs: 30_000,
  sendTimeoutMs: 20_000,
  recoverEveryMs: 1_000,
  channelsEveryMs: 1_000,
  turnMs: 2_000,
};

/** Connects the channels and starts every stage. Closing ends them in the order in which messages pass them. */
export async function startWorkers(deps: PipelineDeps, access: ChannelAccess, timing: Timing): Promise<Workers> {
  const channels = await startChannels(deps, access, timing);
  const jobExpander = startJobExpander(deps);
  const sendWorker = startSendWorker(deps, channels, timing);
  const directSender = startDirectSender(deps, channels, timing);
  const statusAggregator = startStatusAggregator(deps, timing);
  const inboundListener = startInboundListener(deps);
  const scheduler = startScheduler(deps, channels, timing);
  const stages = { jobExpander, sendWorker, directSender, statusAggregator, inboundListener, scheduler };
  const signs = startSigns(deps, () => ({
    stages: {
      jobExpander: stateOf(jobExpander.stats()),
      sendWorker: stateOf(sendWorker.stats()),
      directSender: stateOf(directSender.stats()),
      statusAggregator: stateOf(statusAggregator.stats()),
      inboundListener: stateOf(inboundListener.stats()),
      scheduler: stateOf(scheduler.stats()),
    },
    channels: channels.all().map(channelSignOf),
  }));

  return {
    channels,
    ...stages,
    async close() {
      await scheduler.close();
      await jobExpander.close();
      await sendWorker.close();
      await directSender.close();
      await channels.close();
      await statusAggregator.close();
      await inboundListener.close();
      await signs.close();
    },
  };
}

function stateOf({ isRunning }: { isRunning: boolean }): string {
  return isRunning ? "running" : "stopped";
}
