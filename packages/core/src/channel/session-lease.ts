/** Owns who has a linked device's session: one owner at a time, under a lease that ends by itself. */
import type { Instant } from "../instant.ts";
import type { SessionStore } from "../ports/channel-store.ts";

/** A session's lease as it is kept. */
export interface SessionLease {
  owner: string;
  until: Instant;
  /** Until when it counts that another process wants it; 0 where none does. */
  wanted_until: Instant;
}

type HoldRequest = Parameters<SessionStore["hold"]>[0];
type Hold = Awaited<ReturnType<SessionStore["hold"]>>;

/** How long it counts that a process wants a session: it says so again and again while it waits. */
const WANTED_MS = 10_000;

export function isHeldBy(lease: SessionLease | null, owner: string, now: Instant): boolean {
  return lease !== null && lease.owner === owner && lease.until > now;
}

/** What `hold` answers where the lease is `known`, and the lease after it. */
export function held(
  known: SessionLease | null,
  { owner, wants, leaseMs, now }: HoldRequest,
): { answer: Hold; lease: SessionLease } {
  const until = now + leaseMs;
  if (known === null || known.until <= now) {
    return { answer: { kind: "held", isWanted: false }, lease: { owner, until, wanted_until: 0 } };
  }
  if (known.owner === owner) {
    return { answer: { kind: "held", isWanted: known.wanted_until > now }, lease: { ...known, until } };
  }
  const lease = wants ? { ...known, wanted_until: now + WANTED_MS } : known;
  return { answer: { kind: "elsewhere", owner: known.owner, until: known.until }, lease };
}
