/** Owns how the workers run in a process: their stages on its engines, their server on its port. */
import { DEFAULT_CHANNEL_ID } from "@mini-crm/core/channel/channel";
import { openWebhookTransport, openWhatsApp } from "@mini-crm/runtime/engines";
import { listen } from "@mini-crm/runtime/http/listen";
import type { Closable, ProcessContext } from "@mini-crm/runtime/run-process";
import { watchChannels } from "./channel-watch.ts";
import type { Channel } from "./deps.ts";
import { buildWorkersServer } from "./server.ts";
import { simulatorRoutes } from "./simulator-routes.ts";
import { DEFAULT_TIMING, startWorkers } from "./start-workers.ts";
import { startWebhookSender } from "./webhook-sender.ts";

/**
 * A minute with a second to spare: a message counts from when it is admitted, and leaves within a second of that, so on the wire
 * no minute ever holds more than the limit.
 */
const RATE_WINDOW_MS = 61_000;

export async function serveWorkers({ config, log, engines }: ProcessContext): Promise<Closable & { url: string }> {
  const { store, bus, clock, owner } = engines;
  const provider = openWhatsApp(config, clock);
  const rate = config.messagesPerMinute === 0 ? null : { messages: config.messagesPerMinute, windowMs: RATE_WINDOW_MS };
  const channel: Channel = { id: DEFAULT_CHANNEL_ID, provider, rate };
  const deps = { store, bus, clock, log, worker: owner };
  const workers = await startWorkers(deps, [channel], { ...DEFAULT_TIMING, receiptWindowMs: config.receiptWindowMs });
  const sender = workers.sendWorker.senders.get(channel.id);
  if (sender === undefined) throw new Error("The default channel has no sender");
  const webhookSender = startWebhookSender(deps, openWebhookTransport(config));
  const channelWatch = watchChannels(deps, workers.sendWorker.senders.values());
  const app = buildWorkersServer({ store, bus, clock, log, apiKey: config.apiKey, workers, webhookSender, sender });
  simulatorRoutes(app, provider);
  const stop = async (): Promise<void> => {
    await Promise.all([webhookSender.close(), workers.close()]);
    await channelWatch.close(); // Last, to see the channels go.
    provider.close();
  };
  try {
    const url = await listen(app, { name: "Workers", host: config.host, port: config.workersPort, setting: "WORKERS_PORT" });
    return {
      url,
      async close() {
        await app.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
