/** Owns the worker cluster: its stages in the order of a message's way, and the way in for receipts and texts. */
import type { TopicEvent } from "@mini-crm/core/event/topics";
import { parsePhone } from "@mini-crm/core/lead/phone";
import type { WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import { channelSignOf } from "./channel-sign.ts";
import type { Channel, PipelineDeps, Stage, Timing } from "./deps.ts";
import { type InboundListenerStats, startInboundListener } from "./inbound-listener.ts";
import { type JobExpanderStats, startJobExpander } from "./job-expander.ts";
import { type SchedulerStats, startScheduler } from "./scheduler.ts";
import { type SendWorker, startSendWorker } from "./send-worker.ts";
import { startSigns } from "./signs.ts";
import { type StatusAggregatorStats, startStatusAggregator } from "./status-aggregator.ts";
import { startTestSender, type TestSenderStats } from "./test-sender.ts";

export interface Workers {
  jobExpander: Stage<JobExpanderStats>;
  sendWorker: SendWorker;
  testSender: Stage<TestSenderStats>;
  statusAggregator: Stage<StatusAggregatorStats>;
  inboundListener: Stage<InboundListenerStats>;
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
  const stopTexts = channels.map((channel) => publishTexts(deps, channel));
  for (const { provider } of channels) await provider.start();
  const jobExpander = startJobExpander(deps);
  const sendWorker = startSendWorker(deps, channels, timing);
  const testSender = startTestSender(deps, sendWorker.senders, timing);
  const statusAggregator = startStatusAggregator(deps, timing);
  const inboundListener = startInboundListener(deps);
  const scheduler = startScheduler(deps, sendWorker.senders, timing);
  const stages = { jobExpander, sendWorker, testSender, statusAggregator, inboundListener, scheduler };
  const signs = startSigns(deps, () => ({
    stages: {
      jobExpander: stateOf(jobExpander.stats()),
      sendWorker: stateOf(sendWorker.stats()),
      testSender: stateOf(testSender.stats()),
      statusAggregator: stateOf(statusAggregator.stats()),
      inboundListener: stateOf(inboundListener.stats()),
      scheduler: stateOf(scheduler.stats()),
    },
    channels: [...sendWorker.senders.values()].map(channelSignOf),
  }));

  return {
    ...stages,
    async close() {
      await scheduler.close();
      await jobExpander.close();
      await sendWorker.close();
      await testSender.close();
      for (const { provider } of channels) await provider.stop();
      for (const stop of [...stopReceipts, ...stopTexts]) stop();
      await statusAggregator.close();
      await inboundListener.close();
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

/** A text is only heard when it is durable: until then, the provider hands it over again. */
function publishTexts({ bus }: PipelineDeps, { id, provider }: Channel): () => void {
  return provider.onTexts(async (texts) => {
    await bus.publish(
      texts.map(({ providerId, from, name, text, at }): TopicEvent<"message.inbound"> => {
        const sender = knownSpelling(from);
        return {
          topic: "message.inbound",
          key: sender,
          value: { version: 1, provider_id: providerId, channel_id: id, from: sender, name, text, at },
        };
      }),
    );
  });
}

/** The one spelling by which leads are known: WhatsApp itself leaves the ninth digit out of some Brazilian numbers. */
function knownSpelling(from: string): string {
  const read = parsePhone(from);
  return read.ok ? read.phone : from;
}
