/** Owns what a list says of many: each entry is merged into the lead that it is recognised as, or is somebody new. */
import type { Instant } from "../instant.ts";
import type { ImportCounts } from "../ports/store.ts";
import { recognise } from "./identity.ts";
import type { Lead, LeadInput } from "./lead.ts";
import { mergeLead, newLead } from "./merge.ts";

export type IdentityField = "external_id" | "phones" | "emails";

/** The leads behind each sign of identity, which is an `external_id`, a phone or an e-mail address. */
export interface Holders {
  /** Notes that a lead has the sign. Whoever was there first is told first. */
  hold(field: IdentityField, value: string, leadId: string): void;
  /** Everybody who shares a sign with `input`; nobody twice. */
  candidates(input: LeadInput): readonly string[];
}

/** How many leads with one number or address are looked at. */
export const MOST_HOLDERS = 50;

/** What nearly every lead of a first import shares something with. */
const NOBODY: readonly string[] = [];

export function holdersOfSigns(): Holders {
  const holders = new Map<string, string[]>();
  return {
    hold(field, value, leadId) {
      const sign = `${field} ${value}`;
      const ids = holders.get(sign);
      if (ids === undefined) holders.set(sign, [leadId]);
      else if (ids.length < MOST_HOLDERS && !ids.includes(leadId)) ids.push(leadId);
    },
    candidates(input) {
      let found = NOBODY;
      for (const [field, value] of signsOf(input)) {
        const ids = holders.get(`${field} ${value}`);
        if (ids !== undefined) found = found === NOBODY ? ids : [...new Set([...found, ...ids])];
      }
      return found;
    },
  };
}

function signsOf({ external_id, phones, emails }: Pick<LeadInput, IdentityField>): [IdentityField, string][] {
  const signs: [IdentityField, string][] = [];
  if (external_id) signs.push(["external_id", external_id]);
  for (const phone of phones ?? []) signs.push(["phones", phone]);
  for (const email of emails ?? []) signs.push(["emails", email]);
  return signs;
}

export interface MergedList {
  /** New leads, in the order of the list. */
  added: Lead[];
  /** Known leads that have changed, as they are now. */
  changed: Lead[];
  counts: ImportCounts;
  /** Numbers that several leads may have now. */
  shared: Set<string>;
  /** The lead that the list's last entry speaks of; "" where the list is empty. */
  lastId: string;
}

/**
 * Takes the list in its order, so that later entries meet what earlier ones have said. `holders` knows who in the store has a
 * sign that the list names, and learns what the list adds; `read` finds these leads as the store has them.
 */
export function mergeList(
  inputs: readonly LeadInput[],
  { holders, read, newId, now }: { holders: Holders; read: (id: string) => Lead | null; newId: () => string; now: Instant },
): MergedList {
  const added = new Map<string, Lead>();
  const changed = new Map<string, Lead>();
  const matched = new Set<string>();
  const shared = new Set<string>();
  let lastId = "";

  const write = (to: Map<string, Lead>, lead: Lead): void => {
    to.set(lead._id, lead);
    for (const [field, value] of signsOf(lead)) holders.hold(field, value, lead._id);
  };
  for (const input of inputs) {
    const candidates = holders
      .candidates(input)
      .map((id) => added.get(id) ?? changed.get(id) ?? read(id))
      .filter((lead) => lead !== null);
    const known = recognise(input, candidates);
    for (const other of candidates) if (other !== known) for (const phone of other.phones) shared.add(phone);
    lastId = known?._id ?? newId();
    matched.add(lastId);
    if (known === null) {
      write(added, newLead(input, lastId, now));
      continue;
    }
    const merged = mergeLead(known, input, now);
    if (!merged.changed) continue;
    if (added.has(lastId)) {
      write(added, merged.lead);
      continue;
    }
    write(changed, merged.lead);
    for (const phone of merged.lead.phones) shared.add(phone);
  }
  const counts = { accepted: inputs.length, inserted: added.size, modified: changed.size, matched: matched.size };
  return { added: [...added.values()], changed: [...changed.values()], counts, shared, lastId };
}
