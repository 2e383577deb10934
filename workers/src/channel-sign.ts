/** Owns the truth that this process knows about its channels. */
import type { Breaker } from "@mini-crm/core/channel/breaker";
import type { ChannelSign } from "@mini-crm/core/channel/channel-sign";
import type { WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import type { Channel } from "./deps.ts";

/** What of a sender tells how its channel stands. */
interface Sending {
  channel: Pick<Channel, "id" | "rate"> & { provider: Pick<WhatsAppProvider, "health"> };
  breaker: Pick<Breaker, "state">;
}

export function channelSignOf({ channel, breaker }: Sending): ChannelSign {
  const health = channel.provider.health();
  const now = breaker.state();
  const isOpen = health.state === "open";
  const connected = isOpen && now.state === "closed";
  const whyNot = isOpen ? (now.reason ?? "WhatsApp did not answer") : (health.reason ?? `The connection is ${health.state}`);
  return {
    id: channel.id,
    state: health.state,
    connected,
    since: isOpen ? Math.max(health.since, now.since) : health.since,
    reason: connected ? null : whyNot,
    warning: health.warning,
    breaker: { state: now.state, until: now.state === "open" ? now.until : null },
    rate: channel.rate,
  };
}
