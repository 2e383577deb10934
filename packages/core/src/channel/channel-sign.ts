/** Owns what a workers process says of a channel, and which of several processes' words count. */
import type { Instant } from "../instant.ts";
import type { BreakerState } from "./breaker.ts";
import type { Connection } from "./connection.ts";
import type { SendingLimits } from "./limits.ts";

/** What one process knows of one channel. */
export interface ChannelSign extends Connection {
  id: string;
  /** True where the next message would really be sent; `since` and `reason` tell of this. */
  connected: boolean;
  /** True where another process has the session, and tells of it. */
  stands_by: boolean;
  /** What the account was warned of. */
  warning: string | null;
  /** `until` is when an open breaker lets a trial go. */
  breaker: { state: BreakerState["state"]; until: Instant | null };
  limits: SendingLimits;
  device_id: string;
  user_name: string;
}

/**
 * What holds of the channel `id`; null where no process serves it. Of several processes one sends: where one has just failed, that
 * one; otherwise any that is connected, because the others only stand by; then any that does not stand by.
 */
export function channelAmong(signs: readonly ChannelSign[], id: string): ChannelSign | null {
  const own = signs.filter((sign) => sign.id === id);
  return (
    own.find(({ breaker }) => breaker.state === "open") ??
    own.find(({ connected }) => connected) ??
    own.find((sign) => !sign.stands_by) ??
    own[0] ??
    null
  );
}
