/** Owns what a number may send: how fast, how often to one recipient, and to how many different ones in a day. */
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";

const DAY_MS = 86_400_000;
/** What a bucket holds when it is full, of a second's messages. */
const BURST_SECONDS = 1.25;

export interface Limits {
  /** Takes one message from the throughput: false where none is left at the moment. */
  takeRate(): boolean;
  /** False where the recipient had a message too short a time ago; otherwise this one counts from now on. */
  takePair(phone: string): boolean;
  /** The message to this recipient did not leave: the next one need not wait. */
  giveBackPair(phone: string): void;
  /** False where the recipient would be one more than the tier has; otherwise they count from now on, for 24 hours. */
  takeRecipient(phone: string): boolean;
  /** Counts a recipient of long ago, as `takeRecipient` would have done `at` that time; the earliest first. */
  remember(phone: string, at: Instant): void;
}

export interface LimitSettings {
  messagesPerSecond: number | null;
  recipientsPerDay: number | null;
  pairMs: number | null;
}

/** `settings` as they are at the moment. */
export function createLimits(clock: Pick<Clock, "now">, settings: () => LimitSettings): Limits {
  /** Null while it is full. */
  let bucket: { tokens: number; at: Instant } | null = null;
  const pairs = new Map<string, Instant>();
  const recipients = new Map<string, Instant>();

  function takeRate(): boolean {
    const { messagesPerSecond } = settings();
    if (messagesPerSecond === null) return true;
    const now = clock.now();
    const full = messagesPerSecond * BURST_SECONDS;
    const grown = bucket === null ? full : bucket.tokens + ((now - bucket.at) / 1_000) * messagesPerSecond;
    const tokens = Math.min(full, grown);
    bucket = { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now };
    return tokens >= 1;
  }

  function takePair(phone: string): boolean {
    const { pairMs } = settings();
    if (pairMs === null) return true;
    forgetBefore(pairs, clock.now() - pairMs);
    if (pairs.has(phone)) return false;
    pairs.set(phone, clock.now());
    return true;
  }

  function takeRecipient(phone: string): boolean {
    const { recipientsPerDay } = settings();
    if (recipientsPerDay === null) return true;
    forgetBefore(recipients, clock.now() - DAY_MS);
    if (!recipients.has(phone) && recipients.size >= recipientsPerDay) return false;
    remember(phone, clock.now());
    return true;
  }

  function remember(phone: string, at: Instant): void {
    recipients.delete(phone);
    recipients.set(phone, at);
  }

  return { takeRate, takePair, giveBackPair: (phone) => void pairs.delete(phone), takeRecipient, remember };
}

/** Entries stand in the order of their moments, so that those which are over stand first. */
function forgetBefore(moments: Map<string, Instant>, until: Instant): void {
  for (const [key, at] of moments) {
    if (at > until) return;
    moments.delete(key);
  }
}
