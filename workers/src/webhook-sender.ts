/** Owns the delivery of activities to webhooks: claims what is due, posts it signed, and writes down what came of each try. */
import type { ClaimedDelivery } from "@mini-crm/core/ports/webhook-store";
import type { WebhookTransport } from "@mini-crm/core/ports/webhook-transport";
import { KEPT_DELIVERIES_MS } from "@mini-crm/core/webhook/webhook";
import { signedHeaders } from "@mini-crm/runtime/webhook-signature";
import type { PipelineDeps, Stage } from "./deps.ts";

export interface WebhookSenderStats {
  isRunning: boolean;
  delivered: number;
  /** Tries that failed; most are followed by another one. */
  failedTries: number;
  errors: number;
}

type SenderDeps = Pick<PipelineDeps, "store" | "clock" | "log">;

const LOOK_EVERY_MS = 500;
const SWEEP_EVERY_MS = 60_000;
/** How many deliveries to one webhook are on their way at once. One that is slow keeps no other waiting. */
const AT_ONCE_PER_WEBHOOK = 5;
const TIMEOUT_MS = 10_000;
/** Longer than a try can take, so that nobody else makes it meanwhile. */
const LEASE_MS = 30_000;
/** How long the way down waits for answers; what is cut off then is delivered again by whoever comes next. */
const CLOSE_WITHIN_MS = 2_000;

export function startWebhookSender(deps: SenderDeps, transport: Pick<WebhookTransport, "post">): Stage<WebhookSenderStats> {
  const { store, clock, log } = deps;
  const stats: WebhookSenderStats = { isRunning: true, delivered: 0, failedTries: 0, errors: 0 };
  const closing = new AbortController();
  const cutting = new AbortController();
  /** The webhooks that are being delivered to. */
  const busy = new Map<string, Promise<void>>();
  let sweptAt = Number.NEGATIVE_INFINITY;

  const surely = async <T>(work: () => Promise<T>, fallback: T): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      stats.errors += 1;
      log.error({ err: error, stage: "WebhookSender" }, "The store did not take what webhooks need");
      return fallback;
    }
  };

  const deliver = async ({ _id, webhook_id, url, secret, body, attempt }: ClaimedDelivery): Promise<void> => {
    const from = clock.now();
    const headers = {
      "content-type": "application/json",
      "user-agent": "Mini-CRM-Webhooks/1.0",
      ...signedHeaders({ id: _id, body, secret, at: from }),
    };
    const answer = await transport.post({ url, headers, body, timeoutMs: TIMEOUT_MS, signal: cutting.signal });
    // Nobody knows what would have come of it: the lease ends, and it is tried again.
    if (cutting.signal.aborted && answer.kind === "failed") return;
    const now = clock.now();
    const recorded = await store.webhooks.record({ delivery_id: _id, attempt, answer, durationMs: now - from, now });
    if (recorded?.status === "DELIVERED") stats.delivered += 1;
    else stats.failedTries += 1;
    if (recorded?.turnedOff) log.warn({ webhook: webhook_id, reason: recorded.turnedOff }, "A webhook is turned off");
  };

  const look = async (): Promise<void> => {
    const now = clock.now();
    if (now - sweptAt >= SWEEP_EVERY_MS) {
      sweptAt = now;
      await store.webhooks.sweep(now - KEPT_DELIVERIES_MS);
    }
    const claim = { busy: [...busy.keys()], perWebhook: AT_ONCE_PER_WEBHOOK, leaseMs: LEASE_MS, now };
    const claimed = await store.webhooks.claim(claim);
    for (const [webhook, deliveries] of Map.groupBy(claimed, ({ webhook_id }) => webhook_id)) {
      const delivered = Promise.all(deliveries.map((delivery) => surely(() => deliver(delivery), undefined)));
      busy.set(
        webhook,
        delivered.then(() => void busy.delete(webhook)),
      );
    }
  };

  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await surely(look, undefined);
      await Promise.race([clock.sleep(LOOK_EVERY_MS, closing.signal), ...busy.values()]);
    }
    await Promise.all(busy.values());
  };
  const stopped = run();

  return {
    stats: () => ({ ...stats }),
    async close() {
      stats.isRunning = false;
      closing.abort();
      const callOff = clock.schedule(CLOSE_WITHIN_MS, () => cutting.abort());
      await stopped;
      callOff();
    },
  };
}
