/** Owns where the connection of a Cloud API channel stands: what looks at the number, and answers to sends, make of it. */
import { unreachable } from "@mini-crm/core/app-error";
import type { Connection, ConnectionState } from "@mini-crm/core/channel/connection";
import type { Instant } from "@mini-crm/core/instant";
import type { NumberFacts, NumberLook } from "./number.ts";

export interface Standing {
  connection: Connection;
  /** What was last known of the number. */
  facts: NumberFacts;
  /** How often in a row Meta could not be reached. */
  failures: number;
  /** True where a send was told of the state: a look that shows nothing of it does not end it. */
  isSendersWord: boolean;
  /** After which time Meta is to be asked again. */
  lookInMs: number;
}

const LOOK_EVERY_MS = 5 * 60_000;
/** What a look does not show is tried again by sending after this time. */
const RESTRICTED_MS = 15 * 60_000;
const SOON_MS = 1_000;
const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;

export function stoppedStanding(reason: string, now: Instant): Standing {
  return {
    connection: { state: "stopped", since: now, reason, until: null, pairing: null },
    facts: { userName: null, warning: null, recipientsPerDay: null },
    failures: 0,
    isSendersWord: false,
    lookInMs: 0,
  };
}

/** While a look is under way. */
export function whileLooking(standing: Standing, now: Instant): Standing {
  const { state, reason } = standing.connection;
  if (state === "stopped") return become(standing, "connecting", null, now);
  return state === "reconnecting" ? become(standing, "connecting", reason, now) : standing;
}

/** `chance` in [0, 1) spreads the times of looks. */
export function afterLook(standing: Standing, seen: NumberLook, now: Instant, chance: number): Standing {
  switch (seen.kind) {
    case "usable":
      return afterUsable({ ...standing, facts: seen.facts, failures: 0 }, now, chance);
    case "refused": {
      const known = { ...standing, facts: seen.facts ?? standing.facts, failures: 0, isSendersWord: false };
      const lookInMs = spread(LOOK_EVERY_MS, chance);
      const until = seen.state === "restricted" ? now + lookInMs : null;
      return { ...become(known, seen.state, seen.reason, now, until), lookInMs };
    }
    case "busy":
      // Meta is there; only the question came too often.
      if (standing.connection.state === "open") return { ...standing, lookInMs: spread(LOOK_EVERY_MS, chance) };
      return afterSilence(standing, seen.reason, now, chance);
    case "away":
      return afterSilence(standing, seen.reason, now, chance);
    default:
      return unreachable(seen);
  }
}

function afterUsable(standing: Standing, now: Instant, chance: number): Standing {
  const { state, until } = standing.connection;
  const lookInMs = spread(LOOK_EVERY_MS, chance);
  if (standing.isSendersWord && (state === "auth_invalid" || state === "banned")) return { ...standing, lookInMs };
  if (standing.isSendersWord && until !== null && now < until) return { ...standing, lookInMs: until - now };
  return { ...become(standing, "open", null, now), isSendersWord: false, lookInMs };
}

/** A send was told that nothing can be sent. */
export function afterRefusal(standing: Standing, state: ConnectionState, reason: string, now: Instant): Standing {
  const until = state === "restricted" ? now + RESTRICTED_MS : null;
  return { ...become(standing, state, reason, now, until), isSendersWord: true, lookInMs: SOON_MS };
}

/** Meta cannot be reached. What a person or time must end stays; anything else waits for Meta to be there again. */
export function afterSilence(standing: Standing, reason: string, now: Instant, chance: number): Standing {
  const lookInMs = spread(Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** standing.failures), chance);
  const silent = { ...standing, failures: standing.failures + 1, lookInMs };
  const { state } = standing.connection;
  return state === "open" || state === "connecting" ? become(silent, "reconnecting", reason, now, now + lookInMs) : silent;
}

function become(
  standing: Standing,
  state: ConnectionState,
  reason: string | null,
  now: Instant,
  until: Instant | null = null,
): Standing {
  const since = standing.connection.state === state ? standing.connection.since : now;
  return { ...standing, connection: { state, since, reason, until, pairing: null } };
}

/** Between three quarters and all of it, so that many processes don't ask at the same moment. */
function spread(ms: number, chance: number): number {
  return Math.round(ms * (0.75 + chance / 4));
}
