/** Owns when a word on consent replaces what is known: in doubt, whoever said stop is not written to. */
import type { Instant } from "../instant.ts";
import type { Consent } from "./lead.ts";

export const UNKNOWN_CONSENT: Readonly<Consent> = { state: "unknown", source: null, at: null };

/**
 * Returns what is known after a list says `given`. The later word counts; a stop also where both are of the same moment. A
 * moment that is missing, or lies ahead of `now`, is taken as the one that keeps the person from being written to: a stop was
 * said now, an agreement before anything else. `unknown` says nothing.
 */
export function mergeConsent(known: Consent, given: Consent, now: Instant): Consent {
  if (given.state === "unknown") return known;
  const at = given.at !== null && given.at <= now ? given.at : null;
  if (given.state === known.state) {
    return at !== null && at > (known.at ?? -Infinity) ? { state: given.state, source: given.source ?? known.source, at } : known;
  }
  const said: Consent = { state: given.state, source: given.source, at: given.state === "opted_out" ? (at ?? now) : at };
  if (known.state === "unknown") return said;
  const isLater = at===null
}

/** Returns what is known after a person has said so in this product, at `now` unless another moment is given. */
export function replaceConsent(known: Consent, given: Consent, now: Instant): Consent {
}
