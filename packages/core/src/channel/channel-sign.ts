/** Owns what a workers process says of a channel, and which of several processes' words count. */
import type { Instant } from "../instant.ts";
import type { RateLimit } from "../ports/store.ts";
import type { SessionState } from "../ports/whatsapp-provider.ts";
import type { BreakerState } from "./breaker.ts";

/** What one process knows of one channel. */
export interface ChannelSign {
  id: string;
  /** Where the provider's session stands. */
  state: SessionState;
  /** True where the next message would really be sent. */
  connected: boolean;
  /** Since when it is (not) connected, and in words why it is not. */
  since: Instant;
  reason: string | null;
  /** What the account was warned of. */
  warning: string | null;
  /** `until` is when an open breaker lets a trial go. */
  breaker: { state: BreakerState["state"]; until: Instant | null };
  /** Null: as fast as the provider takes them. */
  rate: RateLimit | null;
}

/**
 * What holds of the channel `id`; null where no process serves it. Of several processes one sends: where one has just failed, that
 * one; otherwise any that is connected, because the others only stand by.
 */
export function channelAmong(signs: readonly ChannelSign[], id: string): ChannelSign | null {
  const own = signs.filter((sign) => sign.id === id);
  return own.find(({ breaker }) => breaker.state === "open") ?? own.find(({ connected }) => connected) ?? own[0] ?? null;
}
