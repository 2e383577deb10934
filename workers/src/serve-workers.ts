/** Owns how the workers run in a process: their stages on its engines, their server on its port. */
import { limitsOf } from "@mini-crm/core/channel/limits";
import { openWebhookTransport } from "@mini-crm/runtime/engines";
import { listen } from "@mini-crm/runtime/http/listen";
import { openProviders } from "@mini-crm/runtime/providers";
import type { Closable, ProcessContext } from "@mini-crm/runtime/run-process";
import { watchChannels } from "./channel-watch.ts";
import { buildWorkersServer } from "./server.ts";
import { simulatorRoutes } from "./simulator-routes.ts";
import { DEFAULT_TIMING, startWorkers } from "./start-workers.ts";
import { startWebhookSender } from "./webhook-sender.ts";

export async function serveWorkers({ config, log, engines }: ProcessContext): Promise<Closable & { url: string }> {
  const { store, bus, clock, owner } = engines;
  const deps = { store, bus, clock, log, worker: owner };
  const providers = openProviders(config, engines, log);
  const { messagesPerMinute: perMinute, receiptWindowMs } = config;
  const workers = await startWorkers(
    deps,
    {
      open: providers.open,
      limitsOf: (channel, { recipientsPerDay }, now) => limitsOf(channel, { perMinute, recipientsPerDay }, now),
    },
    { ...DEFAULT_TIMING, receiptWindowMs },
  );
  const webhookSender = startWebhookSender(deps, openWebhookTransport(config));
  const channelWatch = watchChannels(deps, workers.channels);
  const app = buildWorkersServer({ store, bus, clock, log, apiKey: config.apiKey, workers, webhookSender });
  simulatorRoutes(app, providers.simulator);
  const stop = async (): Promise<void> => {
    await Promise.all([webhookSender.close(), workers.close()]);
    await channelWatch.close(); // Last, to see the channels go.
    providers.close();
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
