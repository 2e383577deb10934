/** Owns the workers' HTTP server, port 3004: the truth about each stage and about the connection to WhatsApp. */
import type { BreakerState } from "@mini-crm/core/channel/breaker";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { EventBus } from "@mini-crm/core/ports/event-bus";
import type { Store } from "@mini-crm/core/ports/store";
import { createHttpServer, type HttpServer } from "@mini-crm/runtime/http/http-server";
import { reaches } from "@mini-crm/runtime/http/in-time";
import type { Logger } from "@mini-crm/runtime/log";
import { channelSignOf } from "./channel-sign.ts";
import type { Stage } from "./deps.ts";
import type { Sender } from "./send-worker.ts";
import type { Workers } from "./start-workers.ts";
import type { WebhookSenderStats } from "./webhook-sender.ts";

export interface WorkersServerDeps {
  store: Store;
  bus: EventBus;
  clock: Clock;
  log: Logger;
  apiKey: string | null;
  workers: Workers;
  webhookSender: Stage<WebhookSenderStats>;
  /** The channel that `/whatsapp` speaks of. */
  sender: Sender;
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
  app.get("/whatsapp", async () => ({ ...(await whatsAppOf(deps)), timestamp: passed().timestamp }));
  return app;
}

async function healthOf(deps: WorkersServerDeps) {
  const { jobExpander, sendWorker, testSender, statusAggregator, inboundListener, scheduler } = deps.workers;
  const [reachable, busReachable] = await Promise.all([
    reaches(deps.clock, () => deps.store.ping()),
    reaches(deps.clock, () => deps.bus.ping()),
  ]);
  const send = sendWorker.stats();
  const { connected, reason } = channelSignOf(deps.sender);
  const workers = {
    JobExpander: stageHealth(jobExpander.stats()),
    SendWorker: {
      ...stageHealth(send),
      ...(connected ? {} : { status: "degraded" }),
      connected,
      ...(connected ? {} : { reason }),
    },
    StatusAggregator: stageHealth(statusAggregator.stats()),
    TestSender: stageHealth(testSender.stats()),
    InboundListener: stageHealth(inboundListener.stats()),
    Scheduler: stageHealth(scheduler.stats()),
    WebhookSender: stageHealth(deps.webhookSender.stats()),
  };
  const allWell = Object.values(workers).every(({ status }) => status === "healthy");
  const overall = !reachable || !busReachable ? "unhealthy" : allWell ? "healthy" : "degraded";
  return {
    overall,
    database: { status: reachable ? "healthy" : "unhealthy" },
    eventBus: { status: busReachable ? "healthy" : "unhealthy" },
    workers,
  };
}

function stageHealth<S extends { isRunning: boolean }>(stats: S): S & { status: string } {
  return { status: stats.isRunning ? "healthy" : "stopped", ...stats };
}

async function statsOf({ store, bus, workers, webhookSender, sender }: WorkersServerDeps) {
  const [queueSize, jobLag, windowLag, statusLag, inboundLag] = await Promise.all([
    store.messages.waiting(sender.channel.id),
    bus.lag("campaign.jobs", "job-expander"),
    bus.lag("campaign.messages", "send-worker"),
    bus.lag("message.statuses", "status-aggregator"),
    bus.lag("message.inbound", "inbound-listener"),
  ]);
  return {
    JobExpander: { ...workers.jobExpander.stats(), lag: jobLag },
    SendWorker: { ...workers.sendWorker.stats(), connected: channelSignOf(sender).connected, queueSize, lag: windowLag },
    StatusAggregator: { ...workers.statusAggregator.stats(), lag: statusLag },
    TestSender: workers.testSender.stats(),
    InboundListener: { ...workers.inboundListener.stats(), lag: inboundLag },
    Scheduler: workers.scheduler.stats(),
    WebhookSender: webhookSender.stats(),
  };
}

async function whatsAppOf({ store, clock, sender }: WorkersServerDeps) {
  const { channel, breaker } = sender;
  const { state, since, deviceId, userName } = channel.provider.health();
  const { connected, reason } = channelSignOf(sender);
  const use = channel.rate === null ? null : await store.messages.rateUse(channel.id, channel.rate, clock.now());
  const queueSize = await store.messages.waiting(channel.id);
  return {
    connected,
    whatsapp: {
      status: state === "open" ? "connected" : state,
      since: new Date(since).toISOString(),
      reason,
      deviceId,
      userName,
    },
    rateLimitInfo: {
      messagesPerMinute: channel.rate?.messages ?? null,
      currentCount: use?.used ?? 0,
      resetTime: new Date(use?.resetAt ?? clock.now()).toISOString(),
      rateLimitActive: use !== null && channel.rate !== null && use.used >= channel.rate.messages && queueSize > 0,
    },
    queueSize,
    circuitBreaker: breakerJson(breaker.state()),
  };
}

function breakerJson(breaker: BreakerState) {
  const { since, ...state } = breaker;
  const until = "until" in state ? { until: new Date(state.until).toISOString() } : {};
  return { ...state, since: new Date(since).toISOString(), ...until };
}
