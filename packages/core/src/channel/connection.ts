/** Owns the truth about a connection to WhatsApp: its states, and what each means for people. */
import { unreachable } from "../app-error.ts";
import type { Instant } from "../instant.ts";

/**
 * Where a connection stands. Only `open` sends.
 *
 *     stopped -> connecting -> awaiting_scan -> syncing -> open
 *                    ^  ^------- (linked before) ----------^ |
 *                    |                                       v
 *                    +---------- (at `until`) ---------- reconnecting
 *
 * By itself it comes back only from `connecting`, `syncing`, `reconnecting` and, when its time is over, `restricted`. A person must
 * end `awaiting_scan`, `replaced`, `auth_invalid`, `logged_out` and `banned`, and should know of `restricted`.
 */
export const CONNECTION_STATES = [
  "stopped",
  "connecting",
  "awaiting_scan",
  "syncing",
  "open",
  "reconnecting",
  "restricted",
  "replaced",
  "auth_invalid",
  "logged_out",
  "banned",
] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];

export type PairingMethod = "qr" | "code";

/** What a person scans (`qr`: the text that the picture holds) or types into the phone (`code`), until it expires. */
export interface Pairing {
  method: PairingMethod;
  value: string;
  expiresAt: Instant;
}

/** The truth that one process knows of a connection. */
export interface Connection {
  state: ConnectionState;
  since: Instant;
  /** Why, in words; null where it is `open` as it should be. */
  reason: string | null;
  /** `reconnecting`: when it tries again. `restricted`: until when nothing may be sent. Null elsewhere, or where nobody knows. */
  until: Instant | null;
  /** `awaiting_scan`: what there is to scan or to type; null elsewhere, and until there is something. */
  pairing: Pairing | null;
}

/** Tells whether a person must do something about a connection, or at least look why it stands as it does. */
export function needsPerson(state: ConnectionState): boolean {
  switch (state) {
    case "awaiting_scan":
    case "replaced":
    case "auth_invalid":
    case "logged_out":
    case "banned":
    case "restricted":
      return true;
    case "stopped":
    case "connecting":
    case "syncing":
    case "open":
    case "reconnecting":
      return false;
    default:
      return unreachable(state);
  }
}

/** What to do next, in words; null where there is nothing to do but wait, or nothing at all. `pairs`: a phone links it. */
export function adviceOn(state: ConnectionState, { pairs }: { pairs: boolean }): string | null {
  switch (state) {
    case "awaiting_scan":
      return "On the phone open WhatsApp, Settings, Linked devices, Link a device; then scan the QR code or type the pairing code.";
    case "replaced":
      return "Another program uses the same linked device: end that one, then pair again.";
    case "auth_invalid":
      return pairs
        ? "WhatsApp no longer accepts the stored session: pair again."
        : "Meta refuses the access: check the token and its permissions, then change the channel's `access_token`.";
    case "logged_out":
      return "The phone has unlinked this device: pair again to go on.";
    case "banned":
      return "WhatsApp has closed the account: see in the WhatsApp app or in Meta's account quality page, and ask for a review there.";
    case "restricted":
      return pairs
        ? "WhatsApp has restricted the number for a time: send less, and only to people who expect it."
        : "Meta has restricted the account: look at account quality and billing in Meta's business settings.";
    case "stopped":
    case "connecting":
    case "syncing":
    case "open":
    case "reconnecting":
      return null;
    default:
      return unreachable(state);
  }
}
