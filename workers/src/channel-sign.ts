/** Owns the truth that this process knows about its channels. */
import type { ChannelSign } from "@mini-crm/core/channel/channel-sign";
import type { Sender } from "./sender.ts";

export function channelSignOf({
  channel,
  provider,
  breaker,
  limits,
}: Pick<Sender, "channel" | "provider" | "breaker" | "limits">): ChannelSign {
  const health = provider.health();
  const now = breaker.state();
  const isOpen = health.state === "open";
  const connected = isOpen && now.state === "closed";
  const whyNot = isOpen ? (now.reason ?? "WhatsApp did not answer") : (health.reason ?? `The connection is ${health.state}`);
  return {
    id: channel()._id,
    state: health.state,
    connected,
    stands_by: health.standsBy,
    since: isOpen ? Math.max(health.since, now.since) : health.since,
    reason: connected ? null : whyNot,
    until: health.until,
    pairing: health.pairing,
    warning: health.warning,
    breaker: { state: now.state, until: now.state === "open" ? now.until : null },
    limits: limits(),
    device_id: health.deviceId,
    user_name: health.userName,
  };
}
