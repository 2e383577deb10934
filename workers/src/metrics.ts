/** Owns the metrics for Prometheus, read from the same truth as `/health` and `/whatsapp` whenever they are asked for. */
import { CONNECTION_STATES, needsPerson } from "@mini-crm/core/channel/connection";
import type { EventBus } from "@mini-crm/core/ports/event-bus";
import type { Store } from "@mini-crm/core/ports/store";
import { Counter, Gauge, Registry } from "prom-client";
import { channelSignOf } from "./channel-sign.ts";
import type { Workers } from "./start-workers.ts";

export interface MetricsDeps {
  store: Pick<Store, "messages">;
  bus: Pick<EventBus, "lag">;
  workers: Workers;
}

const GROUPS = [
  ["campaign.jobs", "job-expander"],
  ["campaign.messages", "send-worker"],
  ["message.direct", "direct-sender"],
  ["message.statuses", "status-aggregator"],
  ["message.inbound", "inbound-listener"],
] as const;

export async function metricsOf({ store, bus, workers }: MetricsDeps): Promise<{ contentType: string; text: string }> {
  const registry = new Registry();
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge({ name: `minicrm_${name}`, help, labelNames: [...labelNames], registers: [registry] });

  const state = gauge("channel_state", "1 for the state that the connection is in", ["channel", "state"]);
  const connected = gauge("channel_connected", "1 where the next message would really be sent", ["channel"]);
  const person = gauge("channel_needs_person", "1 where it stays as it is until a person does something", ["channel"]);
  const since = gauge("channel_since_seconds", "When it last connected or broke, in seconds since 1970", ["channel"]);
  const waiting = gauge("channel_messages_waiting", "Messages of running campaigns that have not gone out yet", ["channel"]);
  for (const sender of workers.channels.all()) {
    const sign = channelSignOf(sender);
    const channel = sign.id;
    for (const each of CONNECTION_STATES) state.set({ channel, state: each }, each === sign.state ? 1 : 0);
    connected.set({ channel }, sign.connected ? 1 : 0);
    person.set({ channel }, needsPerson(sign.state) ? 1 : 0);
    since.set({ channel }, sign.since / 1_000);
    waiting.set({ channel }, await store.messages.waiting(channel));
  }

  const sends = new Counter({
    name: "minicrm_process_sends_total",
    help: "What has become of messages that this process took, since it started",
    labelNames: ["outcome"],
    registers: [registry],
  });
  const { sent, failed, skipped, uncertain } = workers.sendWorker.stats();
  for (const [outcome, messages] of Object.entries({ sent, failed, skipped, uncertain })) sends.inc({ outcome }, messages);
  const lag = gauge("event_lag", "Events that a stage has not finished yet", ["topic", "group"]);
  for (const [topic, group] of GROUPS) lag.set({ topic, group }, await bus.lag(topic, group));
  return { contentType: registry.contentType, text: await registry.metrics() };
}
