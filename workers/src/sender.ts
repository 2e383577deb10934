/** Owns what this process knows of a channel that it sends over. */
import { type Breaker, createBreaker } from "@mini-crm/core/channel/breaker";
import type { Channel } from "@mini-crm/core/channel/channel";
import type { SendingLimits } from "@mini-crm/core/channel/limits";
import { pauseMs } from "@mini-crm/core/channel/pacing";
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import type { ChannelAccess } from "./deps.ts";

export interface Sender {
  /** As it was last read. */
  channel(): Channel;
  provider: WhatsAppProvider;
  breaker: Breaker;
  limits(): SendingLimits;
  /** How many messages may go now: none while it rests, one where it pauses after each, else as many as the breaker lets. */
  permits(): number;
  /** When more may go, where none may now. */
  until(): Instant;
  /** A message has gone out: some channels rest after each, as a person would. */
  sent(): void;
}

export interface KnownSender extends Sender {
  /** The channel has changed in what does not ask for another connection. */
  know(channel: Channel): void;
}

/** The senders of this process; channels come and go. */
export interface Senders {
  /** The sender of the channel as it is stored now: `gone` where there is none, `unopened` while it is being connected. */
  current(channelId: string): Promise<Sender | "gone" | "unopened">;
  all(): Sender[];
}

/** So often it is looked whether a connection is back. */
const LOOK_AGAIN_MS = 500;

export function createSender(
  first: Channel,
  provider: WhatsAppProvider,
  { clock, access }: { clock: Clock; access: Pick<ChannelAccess, "limitsOf"> },
): KnownSender {
  let channel = first;
  let sentAt: Instant = 0;
  let chance = clock.random();
  const breaker = createBreaker(clock);

  /** It has heard whether there is a connection. */
  function toldBreaker(): Breaker {
    const { state, since } = provider.health();
    if (state === "open") breaker.connected(since);
    return breaker;
  }

  /**
   * A linked device that is not connected is not asked, because each try would count against its rate limit. One that stands by is:
   * that is how it gets the session.
   */
  function isBroken(): boolean {
    const { state, standsBy } = provider.health();
    return channel.settings.kind === "web" && state !== "open" && !standsBy;
  }

  /** Also a connection that has just opened rests first: nobody here knows when another process last sent over it. */
  function restsUntil(): Instant {
    const { settings, paired_at } = channel;
    if (settings.kind !== "web") return 0;
    const { state, since } = provider.health();
    const from = state === "open" ? Math.max(sentAt, since) : sentAt;
    return from + pauseMs(settings.web, paired_at, clock.now(), chance);
  }

  return {
    channel: () => channel,
    provider,
    get breaker() {
      return toldBreaker();
    },
    limits: () => access.limitsOf(channel, provider.health(), clock.now()),
    permits() {
      if (isBroken() || clock.now() < restsUntil()) return 0;
      const permits = toldBreaker().permits();
      return channel.settings.kind === "web" ? Math.min(1, permits) : permits;
    },
    until: () => Math.max(restsUntil(), toldBreaker().until(), isBroken() ? clock.now() + LOOK_AGAIN_MS : 0),
    sent() {
      sentAt = clock.now();
      chance = clock.random();
    },
    know(changed) {
      channel = changed;
    },
  };
}
