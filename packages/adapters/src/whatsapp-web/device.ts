/** Owns what is known of a linked device at this moment: its connection's state, and what the connection is made of. */
import type { Connection, ConnectionState } from "@mini-crm/core/channel/connection";
import type { Instant } from "@mini-crm/core/instant";
import type * as Baileys from "baileys";
import type { WASocket } from "baileys";
import { type AuthDeps, type AuthState, forgetAuth, isLinked, openAuthState } from "./auth-state.ts";
import { type Backoff, createBackoff } from "./backoff.ts";
import type { PairingOffer } from "./pairing-offer.ts";
import type { SocketEvents, SocketOptions } from "./socket.ts";

export interface DeviceDeps extends AuthDeps {
  options: SocketOptions;
  events: Omit<SocketEvents, "changed" | "capped">;
  /** The state is another one from now on. */
  onState: (status: Connection) => void;
  /** What was written on the connection gets no answer any more. */
  onClosed: () => void;
  /** Why nothing more may come in for now; null where it may. */
  standstill: () => string | null;
}

export interface Device {
  deps: DeviceDeps;
  status: Connection;
  /** Null while the session is not this process's. */
  auth: AuthState | null;
  /** What is about to become `live`, unless something else comes in between. */
  attempt: object | null;
  /** The socket, and since when it is open: null until it is. */
  live: { socket: WASocket; openedAt: Instant | null } | null;
  /** What a person may scan or type at the moment. */
  offer: PairingOffer | null;
  /** Until when the account may begin no new chats. */
  restrictedUntil: Instant | null;
  warning: string | null;
  backoff: Backoff;
  /** How often in a row WhatsApp found the session broken, or asked to connect anew. */
  brokenSessions: number;
  restarts: number;
  cancelTimer: () => void;
}

export function createDevice(deps: DeviceDeps): Device {
  return {
    deps,
    status: { state: "stopped", since: deps.clock.now(), reason: "Not started.", until: null, pairing: null },
    auth: null,
    attempt: null,
    live: null,
    offer: null,
    restrictedUntil: null,
    warning: null,
    backoff: createBackoff(deps.clock),
    brokenSessions: 0,
    restarts: 0,
    cancelTimer: () => {},
  };
}

type More = Partial<Pick<Connection, "until" | "pairing">>;

export function become(device: Device, state: ConnectionState, reason: string | null, more: More = {}): void {
  const { status, deps } = device;
  const since = state === status.state ? status.since : deps.clock.now();
  device.status = { state, since, reason, until: more.until ?? null, pairing: more.pairing ?? null };
  if (state !== status.state) deps.onState(device.status);
}

/** The device has one timer: what was to happen before does not any more. */
export function after(device: Device, delayMs: number, task: () => void): void {
  device.cancelTimer();
  device.cancelTimer = device.deps.clock.schedule(delayMs, task);
}

/** From now on all counts as the first time. */
export function beginAnew(device: Device): void {
  device.backoff.reset();
  device.brokenSessions = 0;
  device.restarts = 0;
}

/** Takes the socket away from whatever still happens on it. */
export function detach(device: Device): Device["live"] {
  const { live } = device;
  device.cancelTimer();
  device.attempt = null;
  device.live = null;
  device.offer = null;
  if (live !== null) device.deps.onClosed();
  return live;
}

/** Forgets who the device was, and makes it one that nobody has linked yet. */
export async function renewAuth(device: Device): Promise<void> {
  device.auth = null;
  await forgetAuth(device.deps.entries);
  device.auth = await openAuthState(device.deps);
}

/** Who the device is at WhatsApp; null where no phone has linked it. */
export function identityOf({ auth, deps }: Device): { id: string; name: string } | null {
  const me = auth?.creds.me;
  if (auth === null || me === undefined || !isLinked(auth.creds)) return null;
  return { id: me.id, name: me.name ?? me.verifiedName ?? `+${deps.baileys.jidDecode(me.id)?.user ?? me.id}` };
}

/** The socket where messages may go out. */
export function openSocketOf({ status, live }: Device): WASocket | null {
  return status.state === "open" && live !== null ? live.socket : null;
}

/** What WhatsApp warns of, in words; null where of nothing. */
export function warningOf({ deps }: Device, info: Baileys.NewChatMessageCapInfo): string | null {
  const { capping_status: status, used_quota: used, total_quota: total } = info;
  if (status === undefined || status === deps.baileys.NewChatMessageCappingStatusType.NONE) return null;
  return `WhatsApp bounds how many new chats this number may begin: ${used ?? "some"} of ${total ?? "them"} are used up.`;
}
