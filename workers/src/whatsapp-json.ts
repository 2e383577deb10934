/** Owns how a channel is shown: whether it is connected, since when, why not, what to do next, and what its limits leave. */
import { messagesPerMinute } from "@mini-crm/core/campaign/waiting";
import type { BreakerState } from "@mini-crm/core/channel/breaker";
import { abilitiesOf } from "@mini-crm/core/channel/channel";
import { adviceOn, needsPerson, type Pairing } from "@mini-crm/core/channel/connection";
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Store } from "@mini-crm/core/ports/store";
import { channelSignOf } from "./channel-sign.ts";
import type { Sender, Senders } from "./sender.ts";

export interface ShownDeps {
  store: Pick<Store, "messages" | "contacts">;
  clock: Pick<Clock, "now">;
  workers: { channels: Pick<Senders, "all"> };
}

export type ChannelJson = Awaited<ReturnType<typeof channelJson>>;

/** All channels of this process, in the order in which they are listed. */
export function channelsJson(deps: ShownDeps): Promise<ChannelJson[]> {
  return Promise.all(deps.workers.channels.all().map((sender) => channelJson(deps, sender)));
}

async function channelJson({ store, clock }: ShownDeps, sender: Sender) {
  const { _id, name, settings } = sender.channel();
  const sign = channelSignOf(sender);
  const { rate, recipientsPerDay } = sign.limits;
  const now = clock.now();
  const use = rate === null ? null : await store.messages.rateUse(_id, rate, now);
  const people = recipientsPerDay === null ? null : await store.contacts.recipientUse(_id, now);
  const queueSize = await store.messages.waiting(_id);
  return {
    id: _id,
    name,
    kind: settings.kind,
    connected: sign.connected,
    whatsapp: {
      status: sign.state === "open" ? "connected" : sign.state,
      since: iso(sign.since),
      reason: sign.reason,
      until: sign.until === null ? null : iso(sign.until),
      needsPerson: needsPerson(sign.state),
      next: adviceOn(sign.state, abilitiesOf(settings.kind)),
      warning: sign.warning,
      standsBy: sign.stands_by,
      pairing: sign.pairing && pairingJson(sign.pairing, now),
      deviceId: sign.device_id,
      userName: sign.user_name,
    },
    rateLimitInfo: {
      messagesPerMinute: rate === null ? null : messagesPerMinute(rate),
      currentCount: use?.used ?? 0,
      resetTime: iso(use?.resetAt ?? now),
      rateLimitActive: use !== null && rate !== null && use.used >= rate.messages && queueSize > 0,
      recipientsPerDay,
      recipientsToday: people?.recipients ?? null,
    },
    queueSize,
    circuitBreaker: breakerJson(sender.breaker.state()),
  };
}

function pairingJson({ method, value, expiresAt }: Pairing, now: Instant) {
  const secondsLeft = Math.max(0, Math.ceil((expiresAt - now) / 1_000));
  return { method, value, expiresAt: iso(expiresAt), secondsLeft };
}

function breakerJson(breaker: BreakerState) {
  const { since, ...state } = breaker;
  const until = "until" in state ? { until: iso(state.until) } : {};
  return { ...state, since: iso(since), ...until };
}

function iso(at: Instant): string {
  return new Date(at).toISOString();
}
