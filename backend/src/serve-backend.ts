/** Owns how the backend runs in a process: its routes on the process's engines, its server on its port. */
import { DEFAULT_CHANNEL_ID } from "@mini-crm/core/channel/channel";
import { idSource } from "@mini-crm/core/id";
import { openWebhookTransport, ruleAsMongoQuery } from "@mini-crm/runtime/engines";
import { listen } from "@mini-crm/runtime/http/listen";
import { openIntake } from "@mini-crm/runtime/intake";
import type { Closable, ProcessContext } from "@mini-crm/runtime/run-process";
import { openVault } from "@mini-crm/runtime/vault";
import { openWebhookInbox } from "@mini-crm/runtime/webhook-inbox";
import { buildBackend } from "./build-server.ts";
import type { WebhookNews } from "./webhook-news.ts";

const VERSION = "1.0.0";

export async function serveBackend({ config, log, engines }: ProcessContext): Promise<Closable & { url: string }> {
  const { store, bus, clock, names } = engines;
  const intake = openIntake();
  const webhookInbox = openWebhookInbox<WebhookNews>(config, engines);
  const app = await buildBackend({
    store,
    bus,
    clock,
    log,
    newId: idSource(clock),
    readLeads: intake.readLeads,
    ruleAsMongoQuery,
    webhookTransport: openWebhookTransport(config),
    webhookInbox,
    defaultChannelId: DEFAULT_CHANNEL_ID,
    messagesPerMinute: config.messagesPerMinute,
    publicUrl: config.publicUrl,
    vault: openVault(config),
    receiptWindowMs: config.receiptWindowMs,
    apiKey: config.apiKey,
    engines: names,
    version: VERSION,
  });
  const close = async (): Promise<void> => {
    await app.close();
    await webhookInbox.close();
    await intake.close();
  };
  try {
    const url = await listen(app, { name: "Backend", host: config.host, port: config.backendPort, setting: "PORT" });
    return { url, close };
  } catch (error) {
    await close();
    throw error;
  }
}
