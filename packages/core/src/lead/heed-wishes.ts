/** Owns what becomes of leads for what was written from their numbers: the last word of a number counts for whoever has it. */
import type { Instant } from "../instant.ts";
import { consentOfWish, mergeConsent } from "./consent.ts";
import type { Lead } from "./lead.ts";
import { replaceFields } from "./merge.ts";
import type { Wish } from "./stop-words.ts";

/** A wish that was written from a number. */
export interface HeardWish {
  phone: string;
  wish: Wish;
  at: Instant;
}

/** Of those numbers whose last wish is a stop, when that was; of a stop and a start at one moment the stop counts. */
export function lastStops(wishes: readonly HeardWish[]): Map<string, Instant> {
  const [stops, starts] = [lastOf(wishes, "stop"), lastOf(wishes, "start")];
  for (const [phone, at] of starts) if (at > (stops.get(phone) ?? -Infinity)) stops.delete(phone);
  return stops;
}

function lastOf(wishes: readonly HeardWish[], wanted: Wish): Map<string, Instant> {
  const last = new Map<string, Instant>();
  for (const { phone, wish, at } of wishes) if (wish === wanted) last.set(phone, Math.max(at, last.get(phone) ?? at));
  return last;
}

/**
 * Of a lead that comes to a number after its stop, nothing is known that would make it right to write to it. Answers the leads,
 * with their consent as the stops of numbers (see `lastStops`) leave it.
 */
export function heedStops(leads: readonly Lead[], stops: ReadonlyMap<string, Instant>, now: Instant): Lead[] {
  return leads.map((lead) => {
    const stop = Math.max(...lead.phones.map((phone) => stops.get(phone) ?? -Infinity));
    if (stop === -Infinity) return lead;
    return { ...lead, consent: mergeConsent(lead.consent, { state: "opted_out", source: "STOP", at: stop }, now) };
  });
}

/** The lead after a wish that was written at `at`, and whether that has opted it out now; null where it changes nothing. */
export function afterWish(
  known: Lead,
  wish: Wish,
  { at, now }: { at: Instant; now: Instant },
): { lead: Lead; optedOut: boolean } | null {
  const consent = consentOfWish(known.consent, wish, at);
  if (consent === null) return null;
  const { lead } = replaceFields(known, { consent }, now);
  return { lead, optedOut: wish === "stop" && known.consent.state !== "opted_out" };
}
