/** Owns the connection of a linked device: it is opened, and brought back when it breaks, as `closings.ts` says. */
import { unreachable } from "@mini-crm/core/app-error";
import type { ConnectionState } from "baileys";
import { type AuthState, isLinked, openAuthState } from "./auth-state.ts";
import { type Closing, closingOf } from "./closings.ts";
import { after, become, beginAnew, type Device, detach, renewAuth, warningOf } from "./device.ts";
import { openSocket, type SocketEvents } from "./socket.ts";

/** After being open for so long, a connection that breaks is tried again as if for the first time. */
const STEADY_MS = 30_000;
const MOST_BROKEN_SESSIONS = 3;
const MOST_RESTARTS = 3;
/** Where WhatsApp does not say how long a number must rest. */
const REST_MS = 3_600_000;
const CLOSE_TIMEOUT_MS = 2_000;

const NOT_LINKED = "No phone has linked this device yet: ask for a QR code or a pairing code.";

/** The session is this process's: connects, where a phone has linked the device. */
export async function begin(device: Device): Promise<void> {
  beginAnew(device);
  device.auth = await openAuthState(device.deps);
  if (isLinked(device.auth.creds)) connect(device);
  else become(device, "awaiting_scan", NOT_LINKED);
}

/** Closes the connection without logging out. */
export async function end(device: Device, reason: string): Promise<void> {
  const live = detach(device);
  const { auth, deps } = device;
  device.auth = null;
  device.restrictedUntil = null;
  become(device, "stopped", reason);
  if (live !== null) await Promise.race([live.socket.end(undefined), deps.clock.sleep(CLOSE_TIMEOUT_MS)]);
  await auth?.flush();
}

/** Ends the connection, and comes back later: so much waits here already that no more may come in. */
export function breakOff(device: Device, reason: string): void {
  if (device.live === null) return;
  const live = detach(device);
  void live?.socket.end(undefined);
  comeBack(device, reason);
}

/**
 * Waits until all is written that the last connection changed: what it could not confirm comes again now, and would be taken for
 * known by keys that are ahead of what is stored.
 */
export function connect(device: Device): void {
  const { deps, auth } = device;
  const standstill = deps.standstill();
  if (standstill !== null) return comeBack(device, standstill);
  if (auth === null) return;
  if (device.status.state !== "syncing") become(device, "connecting", device.status.reason);
  const attempt = {};
  device.attempt = attempt;
  void auth.flush().then(() => {
    if (device.attempt === attempt) open(device, auth);
  });
}

function open(device: Device, auth: AuthState): void {
  const { deps } = device;
  const events: SocketEvents = {
    ...deps.events,
    changed(update) {
      if (device.live === live) changed(device, update);
    },
    capped(info) {
      device.warning = warningOf(device, info);
    },
  };
  const live = { socket: openSocket(deps.baileys, auth, events, deps.options), openedAt: null };
  device.live = live;
}

function changed(device: Device, update: Partial<ConnectionState>): void {
  const { live, offer } = device;
  if (update.qr !== undefined && live !== null) offer?.show(live.socket, update.qr);
  if (update.isNewLogin === true) {
    device.offer = null;
    become(device, "syncing", "The phone has linked this device; WhatsApp connects it anew.");
  }
  if (update.reachoutTimeLock !== undefined) restrict(device, update.reachoutTimeLock);
  if (update.connection === "open" && live !== null) {
    live.openedAt = device.deps.clock.now();
    device.restarts = 0;
    settle(device);
  }
  if (update.connection === "close") closed(device, update.lastDisconnect?.error);
}

/** `open`, unless the account may begin no new chats. */
function settle(device: Device): void {
  const now = device.deps.clock.now();
  const { live, restrictedUntil } = device;
  if (live === null || live.openedAt === null) return;
  if (restrictedUntil === null || restrictedUntil <= now) return become(device, "open", null);
  become(device, "restricted", "WhatsApp lets this number begin no new chats for a time.", { until: restrictedUntil });
  after(device, restrictedUntil - now, () => settle(device));
}

function restrict(device: Device, { isActive, timeEnforcementEnds }: NonNullable<ConnectionState["reachoutTimeLock"]>): void {
  const until = timeEnforcementEnds?.getTime() ?? device.deps.clock.now() + REST_MS;
  device.restrictedUntil = isActive === true ? until : null;
  settle(device);
}

function closed(device: Device, error: Error | undefined): void {
  const { clock, onClosed } = device.deps;
  const openedAt = device.live?.openedAt ?? null;
  if (openedAt !== null && clock.now() - openedAt >= STEADY_MS) beginAnew(device);
  device.live = null;
  onClosed();
  if (device.offer?.isOver(error) === true) {
    device.offer = null;
    become(device, "awaiting_scan", "The last code has expired before a phone used it: ask for a new one.");
  } else {
    goOn(device, closingOf(codeOf(error), detailsOf(error)));
  }
}

function goOn(device: Device, closing: Closing): void {
  const { reason } = closing;
  switch (closing.next) {
    case "reconnect":
      device.restarts += 1;
      return device.restarts > MOST_RESTARTS ? comeBack(device, reason) : connect(device);
    case "back_off":
      return comeBack(device, reason);
    case "retry_then_pair":
      device.brokenSessions += 1;
      if (device.brokenSessions <= MOST_BROKEN_SESSIONS) return comeBack(device, reason);
      return become(device, "auth_invalid", `${reason} That was so ${device.brokenSessions} times in a row: pair again.`);
    case "rest": {
      const until = closing.restMs === null ? null : device.deps.clock.now() + closing.restMs;
      become(device, "restricted", reason, { until });
      return after(device, closing.restMs ?? REST_MS, () => connect(device));
    }
    case "end":
      device.offer = null;
      become(device, closing.state, reason);
      // Where forgetting fails, the session is another's now, and that one's to forget.
      if (closing.forgets) renewAuth(device).catch(() => {});
      return;
    default:
      return unreachable(closing);
  }
}

function comeBack(device: Device, reason: string): void {
  const delayMs = device.backoff.nextMs();
  become(device, "reconnecting", reason, { until: device.deps.clock.now() + delayMs });
  after(device, delayMs, () => (device.offer === null ? connect(device) : void offerAnew(device)));
}

/** What a code was made of is of no use for another one. */
async function offerAnew(device: Device): Promise<void> {
  try {
    await renewAuth(device);
    connect(device);
  } catch (error) {
    comeBack(device, error instanceof Error ? error.message : String(error));
  }
}

/** A close code, which Baileys wraps in its own errors. */
function codeOf(error: Error | undefined): number | null {
  const output = error !== undefined && "output" in error ? error.output : null;
  if (typeof output !== "object" || output === null || !("statusCode" in output)) return null;
  return typeof output.statusCode === "number" ? output.statusCode : null;
}

function detailsOf(error: Error | undefined): Record<string, string> {
  const data = error !== undefined && "data" in error ? error.data : null;
  const details = Object.entries(typeof data === "object" && data !== null ? data : {});
  return Object.fromEntries(details.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}
