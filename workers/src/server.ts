/** Owns the workers' HTTP server, port 3004: the truth about each stage and about the connection to WhatsApp. */
import { AppError } from "@mini-crm/core/app-error";
import { abilitiesOf, DEFAULT_CHANNEL_ID } from "@mini-crm/core/channel/channel";
import type { ChannelSign } from "@mini-crm/core/channel/channel-sign";
import { adviceOn, needsPerson } from "@mini-crm/core/channel/connection";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { EventBus } from "@mini-crm/core/ports/event-bus";
import type { Store } from "@mini-crm/core/ports/store";
import { createHttpServer, type HttpServer } from "@mini-crm/runtime/http/http-server";
import { reaches } from "@mini-crm/runtime/http/in-time";
import type { Logger } from "@mini-crm/runtime/log";
import { channelSignOf } from "./channel-sign.ts";
import type { Stage } from "./deps.ts";
import { metricsOf } from "./metrics.ts";
import type { Sender } from "./sender.ts";
import type { Workers } from "./start-workers.ts";
import type { WebhookSenderStats } from "./webhook-sender.ts";
import { type ChannelJson, channelsJson } from "./whatsapp-json.ts";

export interface WorkersServerDeps {
  store: Store;
  bus: EventBus;
  clock: Clock;
  log: Logger;
  apiKey: string | null;
  workers: Workers;
  webhookSender: Stage<WebhookSenderStats>;
}

const BODY_LIMIT_BYTES = 65_536;

export function buildWorkersServer(deps: WorkersServerDeps): HttpServer {
  const { clock, log, apiKey } = deps;
  const startedAt = clock.now();
  const app = createHttpServer({ log, apiKey, bodyLimitBytes: BODY_LIMIT_BYTES });
  const passed = () => ({
    uptime: Math.floor((clock.now() - startedAt) / 1000),
    timestamp: new Date(clock.now()).toISOString(),
  });

  app.get("/health", { config: { public: true } }, async (_request, reply) => {
    const health = await healthOf(deps);
    return reply.code(health.overall === "unhealthy" ? 503 : 200).send({ ...health, ...passed() });
  });
  app.get("/stats", async () => ({ workers: await statsOf(deps), ...passed() }));
  app.get("/whatsapp", async () => {
    const channels = await channelsJson(deps);
    return { ...whatsAppOf(channels), channels, timestamp: passed().timestamp };
  });
  app.get("/metrics", async (_request, reply) => {
    const { contentType, text } = await metricsOf(deps);
    return reply.type(contentType).send(text);
  });
  return app;
}

async function healthOf(deps: WorkersServerDeps) {
  const { jobExpander, sendWorker, directSender, statusAggregator, inboundListener, scheduler } = deps.workers;
  const [reachable, busReachable] = await Promise.all([
    reaches(deps.clock, () => deps.store.ping()),
    reaches(deps.clock, () => deps.bus.ping()),
  ]);
  const send = sendWorker.stats();
  const senders = deps.workers.channels.all();
  const channels = Object.fromEntries(senders.map((sender) => [sender.channel()._id, channelHealth(sender)]));
  const theDefault = senders.map(channelSignOf).find(({ id }) => id === DEFAULT_CHANNEL_ID);
  const connected = theDefault?.connected ?? false;
  const reason = theDefault === undefined ? "The default channel could not be opened" : theDefault.reason;
  const workers = {
    JobExpander: stageHealth(jobExpander.stats()),
    SendWorker: {
      ...stageHealth(send),
      ...(theDefault !== undefined && isWell(theDefault) ? {} : { status: "degraded" }),
      connected,
      ...(connected ? {} : { reason }),
    },
    StatusAggregator: stageHealth(statusAggregator.stats()),
    DirectSender: stageHealth(directSender.stats()),
    InboundListener: stageHealth(inboundListener.stats()),
    Scheduler: stageHealth(scheduler.stats()),
    WebhookSender: stageHealth(deps.webhookSender.stats()),
  };
  const allWell = [...Object.values(workers), ...Object.values(channels)].every(({ status }) => status === "healthy");
  const overall = !reachable || !busReachable ? "unhealthy" : allWell ? "healthy" : "degraded";
  return {
    overall,
    database: { status: reachable ? "healthy" : "unhealthy" },
    eventBus: { status: busReachable ? "healthy" : "unhealthy" },
    workers,
    channels,
  };
}

function channelHealth(sender: Sender) {
  const sign = channelSignOf(sender);
  const { state, reason } = sign;
  const next = adviceOn(state, abilitiesOf(sender.channel().settings.kind));
  return { status: isWell(sign) ? "healthy" : "degraded", state, reason, needsPerson: needsPerson(state), next };
}

/** Of several processes one has the session; that the others stand by is as it should be. */
function isWell({ connected, stands_by }: ChannelSign): boolean {
  return connected || stands_by;
}

function stageHealth<S extends { isRunning: boolean }>(stats: S): S & { status: string } {
  return { status: stats.isRunning ? "healthy" : "stopped", ...stats };
}

async function statsOf({ store, bus, workers, webhookSender }: WorkersServerDeps) {
  const connected = workers.channels
    .all()
    .map(channelSignOf)
    .some((sign) => sign.id === DEFAULT_CHANNEL_ID && sign.connected);
  const [queueSize, jobLag, windowLag, statusLag, inboundLag] = await Promise.all([
    store.messages.waiting(DEFAULT_CHANNEL_ID),
    bus.lag("campaign.jobs", "job-expander"),
    bus.lag("campaign.messages", "send-worker"),
    bus.lag("message.statuses", "status-aggregator"),
    bus.lag("message.inbound", "inbound-listener"),
  ]);
  return {
    JobExpander: { ...workers.jobExpander.stats(), lag: jobLag },
    SendWorker: { ...workers.sendWorker.stats(), connected, queueSize, lag: windowLag },
    StatusAggregator: { ...workers.statusAggregator.stats(), lag: statusLag },
    DirectSender: workers.directSender.stats(),
    InboundListener: { ...workers.inboundListener.stats(), lag: inboundLag },
    Scheduler: workers.scheduler.stats(),
    WebhookSender: webhookSender.stats(),
  };
}

/** The documented shape, of the default channel. */
function whatsAppOf(channels: readonly ChannelJson[]) {
  const theDefault = channels.find(({ id }) => id === DEFAULT_CHANNEL_ID);
  if (theDefault === undefined) throw new AppError("CLOSED", "The default channel is not open yet.", { retryable: true });
  const { connected, whatsapp, rateLimitInfo, queueSize, circuitBreaker } = theDefault;
  return { connected, whatsapp, rateLimitInfo, queueSize, circuitBreaker };
}
