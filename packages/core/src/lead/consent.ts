/** Owns when a word on consent replaces what is known: in doubt, whoever said stop is not written to. */
import type { Instant } from "../instant.ts";
import type { Consent } from "./lead.ts";
import type { Wish } from "./stop-words.ts";

/** Shared by every lead of whom nothing is known, so it never changes. */
const UNKNOWN: Readonly<Consent> = Object.freeze({ state: "unknown", source: null, at: null });

/**
 * Returns what is known after a list says `given`. The later word counts, and a stop where both are of the same moment. A
 * moment that is missing or lies ahead of `now` is taken as the one that keeps the person from being written to: a stop was
 * said now, an agreement before anything else. `unknown` says nothing.
 */
export function mergeConsent(known: Consent, given: Consent, now: Instant): Consent {
  if (given.state === "unknown") return known;
  const at = given.at !== null && given.at <= now ? given.at : null;
  if (given.state === known.state) return mergeSameWord(known, { ...given, at });
  if (given.state === "opted_out") {
    const agreedAt = known.at ?? -Infinity;
    // Clocks differ between machines: a stop that is said now is never earlier than what is known.
    const stoppedAt = at ?? Math.max(now, agreedAt);
    return known.state === "unknown" || stoppedAt >= agreedAt ? { ...given, at: stoppedAt } : known;
  }
  const stoppedAt = known.at ?? Infinity;
  return known.state === "unknown" || (at !== null && at > stoppedAt) ? { ...given, at } : known;
}

/** Returns what is known after a person has said so in this product: it counts, at `now` unless an earlier moment is given. */
export function replaceConsent(known: Consent, given: Consent, now: Instant): Consent {
  if (given.state === "unknown") return UNKNOWN;
  const isSameWord = given.state === known.state;
  return {
    state: given.state,
    source: given.source ?? (isSameWord ? known.source : null),
    at: given.at === null ? (isSameWord ? known.at : now) : Math.min(given.at, now),
  };
}

/** The source of a consent that a person gave by an inbound text: only such a stop is undone by such a start. */
const SOURCE_OF_WISH = { stop: "STOP", start: "START" } as const satisfies Record<Wish, string>;

/**
 * Returns what a person's own text of the moment `at` says of their consent, for `replaceConsent`; null where it changes nothing.
 * A stop always counts, and leaves what is known of an earlier one save its moment. A start ends a stop that was said by text
 * before it: not one that somebody entered, and not one of the same moment, which may have been the later word.
 */
export function consentOfWish(known: Consent, wish: Wish, at: Instant): Consent | null {
  const isOut = known.state === "opted_out";
  if (wish === "stop") {
    if (!isOut) return { state: "opted_out", source: SOURCE_OF_WISH.stop, at };
    return at > (known.at ?? -Infinity) ? { ...known, at } : null;
  }
  if (!isOut || known.source !== SOURCE_OF_WISH.stop || at <= (known.at ?? Infinity)) return null;
  return { state: "opted_in", source: SOURCE_OF_WISH.start, at };
}

/** Returns the consent of a lead that nobody has met before, of whom `given` is said. */
export function firstConsent(given: Consent | undefined, now: Instant): Consent {
  return given === undefined ? UNKNOWN : mergeConsent(UNKNOWN, given, now);
}

export function isSameConsent(a: Consent, b: Consent): boolean {
  return a.state === b.state && a.source === b.source && a.at === b.at;
}

/** The same said again: a later moment renews it, and a source is added where none was known. */
function mergeSameWord(known: Consent, given: Consent): Consent {
  if (given.at !== null && given.at > (known.at ?? -Infinity)) return { ...given, source: given.source ?? known.source };
  return { ...known, source: known.source ?? given.source };
}
