/** Owns what becomes of a lead when more is said of it: merged by a list, or replaced by a person's edit. */
import type { Instant } from "../instant.ts";
import { isSameJson, type JsonObject } from "../json.ts";
import { firstConsent, isSameConsent, mergeConsent, replaceConsent } from "./consent.ts";
import { LEAD_LIMITS, type Lead, type LeadInput } from "./lead.ts";
import { metadataProblem } from "./metadata.ts";

/** `changed` is false where nothing differs: then `lead` is the known one, with its `updated_at`. */
export interface LeadMerge {
  lead: Lead;
  changed: boolean;
}

/** Returns a lead that nobody has met before. */
export function newLead(input: LeadInput, id: string, now: Instant): Lead {
  return {
    _id: id,
    external_id: input.external_id ?? null,
    name: input.name ?? null,
    emails: input.emails ?? [],
    phones: input.phones ?? [],
    total_spend: input.total_spend ?? null,
    visits: input.visits ?? null,
    last_order_at: input.last_order_at ?? null,
    tags: input.tags ?? [],
    timezone: input.timezone ?? null,
    consent: firstConsent(input.consent, now),
    metadata: input.metadata ?? {},
    created_at: now,
    updated_at: now,
  };
}

/**
 * Merges what a list says into a known lead: scalars that are given replace, lists are united with the known first, metadata is
 * replaced key by key at its top level (`null` is a value), consent follows `mergeConsent`, and an `external_id` is only ever
 * added. What exceeds a limit is not added: the list's last entries, or the metadata as a whole. Doing it twice changes nothing.
 */
export function mergeLead(known: Lead, input: LeadInput, now: Instant): LeadMerge {
  return outcome(known, {
    ...known,
    ...givenScalars(known, input),
    external_id: known.external_id ?? input.external_id ?? null,
    emails: unite(known.emails, LEAD_LIMITS.emails, input.emails),
    phones: unite(known.phones, LEAD_LIMITS.phones, input.phones),
    tags: unite(known.tags, LEAD_LIMITS.tags, input.tags),
    consent: input.consent === undefined ? known.consent : mergeConsent(known.consent, input.consent, now),
    metadata: mergeMetadata(known.metadata, input.metadata),
    updated_at: now,
  });
}

/** Replaces every field that a person has given, lists and metadata as a whole. */
export function replaceFields(known: Lead, input: LeadInput, now: Instant): LeadMerge {
  return outcome(known, {
    ...known,
    ...givenScalars(known, input),
    external_id: given(input.external_id, known.external_id),
    emails: given(input.emails, known.emails),
    phones: given(input.phones, known.phones),
    tags: given(input.tags, known.tags),
    consent: input.consent === undefined ? known.consent : replaceConsent(known.consent, input.consent, now),
    metadata: given(input.metadata, known.metadata),
    updated_at: now,
  });
}

/** The fields that merging and replacing treat alike. */
function givenScalars(
  known: Lead,
  input: LeadInput,
): Pick<Lead, "name" | "total_spend" | "visits" | "last_order_at" | "timezone"> {
  return {
    name: given(input.name, known.name),
    total_spend: given(input.total_spend, known.total_spend),
    visits: given(input.visits, known.visits),
    last_order_at: given(input.last_order_at, known.last_order_at),
    timezone: given(input.timezone, known.timezone),
  };
}

function given<T>(value: T | undefined, known: T): T {
  return value === undefined ? known : value;
}

/** A list that was longer than the limit before stays as it is. */
function unite(known: string[], maxItems: number, more: readonly string[] = []): string[] {
  const added = more.filter((item) => !known.includes(item));
  return added.length === 0 ? known : [...known, ...added].slice(0, Math.max(maxItems, known.length));
}

function mergeMetadata(known: JsonObject, more: JsonObject = {}): JsonObject {
  const merged = { ...known, ...more };
  return metadataProblem(merged) === null ? merged : known;
}

function outcome(known: Lead, next: Lead): LeadMerge {
  return isSameLead(known, next) ? { lead: known, changed: false } : { lead: next, changed: true };
}

/** Tells whether two leads say the same, whenever that was. */
function isSameLead(a: Lead, b: Lead): boolean {
  return (
    a.external_id === b.external_id &&
    a.name === b.name &&
    a.total_spend === b.total_spend &&
    a.visits === b.visits &&
    a.last_order_at === b.last_order_at &&
    a.timezone === b.timezone &&
    isSameJson(a.emails, b.emails) &&
    isSameJson(a.phones, b.phones) &&
    isSameJson(a.tags, b.tags) &&
    isSameConsent(a.consent, b.consent) &&
    isSameJson(a.metadata, b.metadata)
  );
}
