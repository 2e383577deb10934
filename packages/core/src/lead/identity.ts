/** Owns when two are one person: the same `external_id`, else any shared phone, else any shared e-mail. */
import type { Lead, LeadInput } from "./lead.ts";

/** What a lead is recognised by. */
export type Known = Pick<Lead, "_id" | "external_id" | "phones" | "emails">;

/**
 * Returns the lead that `input` speaks of, or `null` where it is somebody new. `candidates` are all who share anything with it.
 * Whoever has another `external_id` is somebody else, even with the same phone: families share phones. Of several who share
 * a phone (or, without any, an e-mail), it is the one who was there first.
 */
export function recognise<L extends Known>(input: LeadInput, candidates: readonly L[]): L | null {
  const id = input.external_id ?? null;
  const named = id === null ? undefined : candidates.find((known) => known.external_id === id);
  if (named !== undefined) return named;
  const possible = candidates.filter((known) => id === null || known.external_id === null);
  return (
    first(possible.filter((known) => shareAny(known.phones, input.phones))) ??
    first(possible.filter((known) => shareAny(known.emails, input.emails)))
  );
}

function shareAny(known: readonly string[], given: readonly string[] = []): boolean {
  return given.some((item) => known.includes(item));
}

/** Identifiers rise with time. */
function first<L extends Known>(leads: readonly L[]): L | null {
  return leads.reduce<L | null>((oldest, lead) => (oldest === null || lead._id < oldest._id ? lead : oldest), null);
}
