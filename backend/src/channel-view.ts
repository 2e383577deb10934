/** Owns what is found out of a channel when it is shown: its connection, its limits and their use, and what went over it. */
import { ledgerOf } from "@mini-crm/core/campaign/campaign";
import { messagesPerMinute } from "@mini-crm/core/campaign/waiting";
import type { Channel } from "@mini-crm/core/channel/channel";
import { channelAmong } from "@mini-crm/core/channel/channel-sign";
import { limitsOf, type SendingLimits } from "@mini-crm/core/channel/limits";
import type { Instant } from "@mini-crm/core/instant";
import type { ChannelJson, ChannelStats } from "@mini-crm/wire/channel";
import type { BackendDeps } from "./deps.ts";
import { livingWorkers } from "./living-workers.ts";
import { channelFields, connectionJson } from "./present/channel.ts";
import { iso } from "./present/time.ts";

type ViewDeps = Pick<BackendDeps, "store" | "clock" | "messagesPerMinute" | "publicUrl">;

/** Who asks, which tells by which address the backend is reached. */
export interface Asked {
  protocol: string;
  host: string;
}

/** Where Meta finds the webhook of the channel `id`. */
export function webhookUrl({ publicUrl }: Pick<BackendDeps, "publicUrl">, { protocol, host }: Asked, id: string): string {
  return `${publicUrl ?? `${protocol}://${host}`}/webhooks/whatsapp/${id}`;
}

/** Returns how to show channels as they are now; what the workers say is looked up once. */
export async function channelView(deps: ViewDeps, asked: Asked): Promise<(channel: Channel) => Promise<ChannelJson>> {
  const { store, clock } = deps;
  const now = clock.now();
  const workers = await livingWorkers(deps);
  const signs = workers.flatMap(({ channels }) => channels);
  return async (channel) => {
    const sign = channelAmong(signs, channel._id);
    const configured = { perMinute: deps.messagesPerMinute, recipientsPerDay: null };
    const limits = sign?.limits ?? limitsOf(channel, configured, now);
    const [shownLimits, counts, queue_size] = await Promise.all([
      limitsJson(store, channel._id, limits, now),
      store.channels.counts(channel._id),
      store.messages.waiting(channel._id),
    ]);
    return {
      ...channelFields(channel, webhookUrl(deps, asked, channel._id)),
      connection: connectionJson(channel, sign, { workersRun: workers.length > 0, now }),
      limits: shownLimits,
      stats: statsOf(counts),
      queue_size,
    };
  };
}

async function limitsJson(
  store: BackendDeps["store"],
  id: string,
  { rate, recipientsPerDay, pairMs }: SendingLimits,
  now: Instant,
): Promise<ChannelJson["limits"]> {
  const [use, people] = await Promise.all([
    rate && store.messages.rateUse(id, rate, now),
    recipientsPerDay === null ? null : store.contacts.recipientUse(id, now),
  ]);
  return {
    rate: rate &&
      use && {
        messages_per_minute: messagesPerMinute(rate),
        messages: rate.messages,
        seconds: rate.windowMs / 1_000,
        used: use.used,
        resets_at: use.used === 0 ? null : iso(use.resetAt),
      },
    recipients:
      recipientsPerDay === null || people === null
        ? null
        : {
            per_day: recipientsPerDay,
            used: people.recipients,
            resets_at: people.recipients === 0 ? null : iso(people.resetAt),
          },
    seconds_between_messages_to_one: pairMs === null ? null : pairMs / 1_000,
  };
}

function statsOf(counts: Parameters<typeof ledgerOf>[0]["counts"]): ChannelStats {
  const { audience, ...stats } = ledgerOf({ counts, expected: 0, expanded: true });
  return stats;
}
