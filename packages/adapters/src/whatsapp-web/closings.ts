/** Owns what it means that WhatsApp ended a connection: what comes next, and why, in words. */

export type Closing =
  /** WhatsApp wants it so, as right after pairing. */
  | { next: "reconnect"; reason: string }
  /** It comes back by itself; each time that it fails, later. */
  | { next: "back_off"; reason: string }
  /** The session may be broken: after some tries only pairing again helps. */
  | { next: "retry_then_pair"; reason: string }
  /** WhatsApp lets the number send again when `restMs` have passed; null: it does not say when. */
  | { next: "rest"; reason: string; restMs: number | null }
  /** A person must act. `forgets`: the stored session is worth nothing any more. */
  | { next: "end"; state: "replaced" | "logged_out" | "banned" | "auth_invalid"; forgets: boolean; reason: string };

const CLOSINGS: Readonly<Record<number, Closing>> = {
  401: { next: "end", state: "logged_out", forgets: true, reason: "The phone has unlinked this device." },
  403: { next: "end", state: "banned", forgets: false, reason: "WhatsApp has closed the account of this number." },
  405: {
    next: "end",
    state: "auth_invalid",
    forgets: false,
    reason: "WhatsApp refuses this version of WhatsApp Web as too old: update Mini CRM.",
  },
  406: { next: "end", state: "auth_invalid", forgets: false, reason: "WhatsApp refuses this device." },
  408: { next: "back_off", reason: "The connection to WhatsApp was lost." },
  411: {
    next: "end",
    state: "auth_invalid",
    forgets: false,
    reason: "The phone's WhatsApp cannot link devices as it is: update the app on the phone.",
  },
  428: { next: "back_off", reason: "WhatsApp has closed the connection." },
  440: { next: "end", state: "replaced", forgets: false, reason: "Another program has connected as the same linked device." },
  500: { next: "retry_then_pair", reason: "WhatsApp reports that something is wrong with the session." },
  503: { next: "back_off", reason: "WhatsApp is not available at the moment." },
  515: { next: "reconnect", reason: "WhatsApp asked to connect anew." },
};

/** Why WhatsApp bans a number for a time, by the code that comes with 402. */
const TEMPORARY_BANS: Readonly<Record<string, string>> = {
  101: "too many messages went to people who don't have the number in their contacts",
  102: "too many people have blocked the number",
  103: "too many groups were made with people who don't have the number in their contacts",
  104: "too many people got the same message",
  106: "too many messages went to a broadcast list",
};

/** `code` is null where the connection ended without one; `details` are what came with it. */
export function closingOf(code: number | null, details: Readonly<Record<string, string>> = {}): Closing {
  if (code === 402) return temporaryBan(details);
  if (code === null) return { next: "back_off", reason: "The connection to WhatsApp broke off." };
  return CLOSINGS[code] ?? { next: "back_off", reason: `WhatsApp has closed the connection with code ${code}.` };
}

function temporaryBan({ code = "", expire = "" }: Readonly<Record<string, string>>): Closing {
  const cause = TEMPORARY_BANS[code];
  const because = cause === undefined ? "" : `: ${cause}`;
  const seconds = Number(expire);
  const restMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : null;
  return { next: "rest", reason: `WhatsApp has banned the number for a time${because}.`, restMs };
}
