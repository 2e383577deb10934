/** Owns what this process knows of a channel that it sends over. */
import { type Breaker, createBreaker } from "@mini-crm/core/channel/breaker";
import { abilitiesOf, type Channel } from "@mini-crm/core/channel/channel";
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
  /** True where only templates may be sent to whoever has not written for a day. */
  hasWindow: boolean;
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
  /** The sender of the channel as it is stored now: `gone` where there is none, `unopened` where it cannot be connected yet. */
  current(channelId: string): Promise<Sender | "gone" | "unopened">;
  all(): Sender[];
}

export function createSender(
  first: Channel,
  provider: WhatsAppProvider,
  { clock, access }: { clock: Clock; access: Pick<ChannelAccess, "limitsOf"> },
): KnownSender {
  let channel = first;
  let restsUntil: Instant = 0;
  const breaker = createBreaker(clock);
  return {
    channel: () => channel,
    provider,
    breaker,
    limits: () => access.limitsOf(channel, provider.health(), clock.now()),
    hasWindow: abilitiesOf(first.settings.kind).has_window,
    permits() {
      if (clock.now() < restsUntil) return 0;
      return channel.settings.kind === "web" ? Math.min(1, breaker.permits()) : breaker.permits();
    },
    until: () => Math.max(restsUntil, breaker.until()),
    sent() {
      const { settings, paired_at } = channel;
      if (settings.kind !== "web") return;
      restsUntil = clock.now() + pauseMs(settings.web, paired_at, clock.now(), clock.random());
    },
    know(changed) {
      channel = changed;
    },
  };
}
