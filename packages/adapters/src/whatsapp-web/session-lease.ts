/** Owns whose a session is: one process at a time holds it, the others stand by and take over. */
import type { Instant } from "@mini-crm/core/instant";
import type { SessionStore } from "@mini-crm/core/ports/channel-store";
import type { Clock } from "@mini-crm/core/ports/clock";

const LEASE_MS = 10_000;
const RENEW_EVERY_MS = 3_000;
/** Whoever has just got it keeps it for so long, however much others want it. */
const KEEP_MS = 10_000;
/** After letting go, others come first. */
const STAND_BACK_MS = 2 * RENEW_EVERY_MS;
/** For so long it is wanted after a send was asked for. */
const WANT_MS = 10_000;

export interface SessionLease {
  /** Begins to ask for it; resolves after the first answer. */
  start(): Promise<void>;
  /** Lets it go. */
  stop(): Promise<void>;
  /** Tells whether it is surely this process's at this moment. */
  holds(): boolean;
  /** True where another process has it, and this one would take it over. */
  standsBy(): boolean;
  /** Messages wait here: whoever has it should let it go when it can. */
  want(): void;
  /** The store said that it is another's. */
  lost(): void;
}

export interface LeaseDeps {
  channelId: string;
  owner: string;
  clock: Clock;
  sessions: SessionStore;
  /** It is this process's from now on; awaited before the next look. Where this rejects, it is let go again. */
  onHeld: () => Promise<void>;
  /** It is not, for this reason in words. While this runs before it is let go by itself, it still is. */
  onNotHeld: (reason: string) => Promise<void>;
  /** Tells whether another process could do better with it: it works here, and nothing is under way. */
  mayLetGo: () => boolean;
}

interface Lease {
  deps: LeaseDeps;
  abort: AbortController;
  ended: Promise<void>;
  held: { since: Instant; until: Instant } | null;
  cancelExpiry: () => void;
  standsBy: boolean;
  wantedAt: Instant | null;
  standsBackUntil: Instant;
  toldReason: string | null;
  /** The hooks run one after the other, whatever happens meanwhile. */
  lastHook: Promise<void>;
}

export function createSessionLease(deps: LeaseDeps): SessionLease {
  const { clock } = deps;
  let lease: Lease | null = null;

  return {
    async start() {
      if (lease !== null) return;
      const begun: Lease = {
        ...{ deps, abort: new AbortController(), ended: Promise.resolve(), held: null, cancelExpiry: () => {} },
        ...{ standsBy: false, wantedAt: null, standsBackUntil: 0, toldReason: null, lastHook: Promise.resolve() },
      };
      lease = begun;
      await new Promise<void>((looked) => {
        begun.ended = run(begun, looked);
      });
    },
    async stop() {
      if (lease === null) return;
      lease.abort.abort();
      await lease.ended;
      await leave(lease, "Stopped.");
      lease = null;
    },
    holds: () => clock.now() < (lease?.held?.until ?? 0),
    standsBy: () => lease?.standsBy ?? false,
    want() {
      if (lease !== null) lease.wantedAt = clock.now();
    },
    lost() {
      if (lease !== null) void giveUp(lease, "Another process has taken the session.");
    },
  };
}

async function run(lease: Lease, looked: () => void): Promise<void> {
  const { abort, deps } = lease;
  while (!abort.signal.aborted) {
    try {
      await look(lease);
    } catch (error) {
      if (lease.held === null) await giveUp(lease, `The session cannot be asked for: ${reasonOf(error)}`);
    }
    looked();
    await deps.clock.sleep(RENEW_EVERY_MS, abort.signal);
  }
}

async function look(lease: Lease): Promise<void> {
  const { clock, sessions, channelId, owner, mayLetGo } = lease.deps;
  const now = clock.now();
  if (now < lease.standsBackUntil) return;
  const wants = lease.held === null && lease.wantedAt !== null && now - lease.wantedAt < WANT_MS;
  const answer = await sessions.hold({ channel_id: channelId, owner, wants, leaseMs: LEASE_MS, now });
  lease.standsBy = answer.kind === "elsewhere";
  if (answer.kind === "elsewhere") return giveUp(lease, `The process ${answer.owner} has the session; this one stands by.`);
  // The process may have been frozen while it asked: then others may have it already.
  if (clock.now() >= now + LEASE_MS) return;
  const { held } = lease;
  lease.held = { since: held?.since ?? now, until: now + LEASE_MS };
  expireAt(lease, lease.held.until);
  if (held === null) return open(lease);
  if (!answer.isWanted || now - held.since < KEEP_MS || !mayLetGo()) return;
  lease.standsBackUntil = now + STAND_BACK_MS;
  await leave(lease, "Another process has messages to send, and gets the session.");
}

async function open(lease: Lease): Promise<void> {
  lease.toldReason = null;
  try {
    await inTurn(lease, lease.deps.onHeld);
  } catch (error) {
    await leave(lease, `The session cannot be opened: ${reasonOf(error)}`);
  }
}

function expireAt(lease: Lease, until: Instant): void {
  const { clock } = lease.deps;
  lease.cancelExpiry();
  lease.cancelExpiry = clock.schedule(until - clock.now(), () => {
    void giveUp(lease, "The store could not be reached for too long to be sure of the session.");
  });
}

/** It is another's, or may be: from here on nothing is written. */
async function giveUp(lease: Lease, reason: string): Promise<void> {
  lease.cancelExpiry();
  lease.held = null;
  if (reason === lease.toldReason) return;
  lease.toldReason = reason;
  await inTurn(lease, () => lease.deps.onNotHeld(reason));
}

/** Lets it go when all is written. */
async function leave(lease: Lease, reason: string): Promise<void> {
  const { deps } = lease;
  lease.toldReason = reason;
  await inTurn(lease, () => deps.onNotHeld(reason));
  lease.cancelExpiry();
  const wasHeld = lease.held !== null;
  lease.held = null;
  // Where the store cannot be reached, the lease ends by itself.
  if (wasHeld) await deps.sessions.letGo(deps.channelId, deps.owner).catch(() => {});
}

function inTurn(lease: Lease, hook: () => Promise<void>): Promise<void> {
  const done = lease.lastHook.then(hook);
  lease.lastHook = done.catch(() => {});
  return done;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
