/** Owns the verbs on leads: recognise, import, read, change, remove, list. */
import type { Instant } from "@mini-crm/core/instant";
import { decodeLeads } from "@mini-crm/core/lead/encoded-leads";
import { recognise } from "@mini-crm/core/lead/identity";
import type { Lead, LeadInput } from "@mini-crm/core/lead/lead";
import { mergeLead, newLead, replaceFields } from "@mini-crm/core/lead/merge";
import type { ImportCounts, LeadChange, LeadSortField, Page, PageRequest, Sort } from "@mini-crm/core/ports/store";
import type { Rule } from "@mini-crm/core/segment/rule";
import { type Connection, number, text } from "./connection.ts";
import {
  type Contact,
  type ContactKind,
  contactsOf,
  deleteContacts,
  insertContact,
  leadColumns,
  leadOf,
  writeLead,
} from "./lead-rows.ts";
import { compileRule } from "./rule-query.ts";

export function leadVerbs(connection: Connection, newId: () => string) {
  const byId = (id: string): Lead | null => {
    const row = connection.get(`SELECT ${leadColumns("lead")} FROM lead WHERE _id = ?`, id);
    return row === undefined ? null : leadOf(row);
  };

  return {
    importLeads: (encoded: Uint8Array, now: Instant): ImportCounts =>
      connection.transaction(() => importAll(connection, decodeLeads(encoded), newId, now).counts),

    addLead: (input: LeadInput, now: Instant): { kind: "added" | "merged"; lead: Lead } =>
      connection.transaction(() => {
        const { counts, lastId } = importAll(connection, [input], newId, now);
        const lead = byId(lastId);
        if (lead === null) throw new Error("A lead that was just written is not there");
        return { kind: counts.inserted === 1 ? "added" : "merged", lead };
      }),

    readLead: byId,

    changeLead: (id: string, input: LeadInput, now: Instant): LeadChange =>
      connection.transaction((): LeadChange => {
        const known = byId(id);
        if (known === null) return { kind: "not_found" };
        const owner = input.external_id ? leadWithExternalId(connection, input.external_id) : null;
        if (owner !== null && owner !== id) return { kind: "taken", field: "external_id", lead_id: owner };
        const { lead, changed } = replaceFields(known, input, now);
        if (!changed) return { kind: "changed", lead };
        deleteContacts(connection, known);
        writeLead(connection, lead);
        for (const { kind, value } of contactsOf(lead)) insertContact(connection, kind, value, id);
        markSharedPhones(connection, lead.phones);
        return { kind: "changed", lead };
      }),

    removeLead: (id: string): boolean =>
      connection.transaction(() => {
        const known = byId(id);
        if (known === null) return false;
        deleteContacts(connection, known);
        connection.run("DELETE FROM lead WHERE _id = ?", id);
        connection.run("UPDATE lead_total SET leads = leads - 1");
        return true;
      }),

    listLeads: (request: PageRequest & { rule: Rule | null; sort: Sort<LeadSortField>; now: Instant }): Page<Lead> =>
      listLeads(connection, request),
  };
}

function leadWithExternalId(connection: Connection, externalId: string): string | null {
  const row = connection.get("SELECT _id FROM lead WHERE external_id = ?", externalId);
  return row === undefined ? null : text(row, "_id");
}

/**
 * Merges each input into the lead that it is recognised as, or adds a lead. New rows are written at the end, contacts in the
 * order of their index: half of an import's time is index pages, and sorted they are touched once.
 */
function importAll(connection: Connection, inputs: readonly LeadInput[], newId: () => string, now: Instant) {
  const fresh = new Map<string, Lead>();
  const freshByContact = new Map<string, string[]>();
  const modified = new Set<string>();
  const matched = new Set<string>();
  let lastId = "";

  const shared = new Set<string>();

  const read = (id: string): Lead | null => fresh.get(id) ?? readLead(connection, id);

  const remember = (lead: Lead): void => {
    fresh.set(lead._id, lead);
    for (const key of identityKeys(lead)) {
      const ids = freshByContact.get(key);
      if (ids === undefined) freshByContact.set(key, [lead._id]);
      else if (!ids.includes(lead._id)) ids.push(lead._id);
    }
  };

  for (const input of inputs) {
    const candidates = [...candidateIds(connection, freshByContact, input)].map(read).filter((lead) => lead !== null);
    const known = recognise(input, candidates);
    for (const other of candidates) if (other !== known) for (const phone of other.phones) shared.add(phone);
    if (known === null) {
      const lead = newLead(input, newId(), now);
      remember(lead);
      lastId = lead._id;
      matched.add(lead._id);
      continue;
    }
    lastId = known._id;
    matched.add(known._id);
    const merged = mergeLead(known, input, now);
    if (!merged.changed) continue;
    if (fresh.has(known._id)) {
      remember(merged.lead);
      continue;
    }
    modified.add(known._id);
    writeLead(connection, merged.lead);
    for (const { kind, value } of contactsOf(merged.lead)) insertContact(connection, kind, value, known._id);
    for (const phone of merged.lead.phones) shared.add(phone);
  }

  insertAll(connection, fresh);
  markSharedPhones(connection, shared);
  const counts = { accepted: inputs.length, inserted: fresh.size, modified: modified.size, matched: matched.size };
  return { counts, lastId };
}

function readLead(connection: Connection, id: string): Lead | null {
  const row = connection.get(`SELECT ${leadColumns("lead")} FROM lead WHERE _id = ?`, id);
  return row === undefined ? null : leadOf(row);
}

/** Marks the leads among whom one of `phones` is shared: only they can make a campaign write to one number twice. */
function markSharedPhones(connection: Connection, phones: Iterable<string>): void {
  for (const phone of phones) {
    const holders = connection.all("SELECT lead_id FROM lead_contact WHERE kind = 'phone' AND value = ? LIMIT 1000", phone);
    if (holders.length < 2) continue;
    for (const row of holders) connection.run("UPDATE lead SET shares_phone = 1 WHERE _id = ?", text(row, "lead_id"));
  }
}

/** Everybody who shares an `external_id`, a phone or an e-mail address with `input`; nobody twice. */
function candidateIds(connection: Connection, freshByContact: Map<string, string[]>, input: LeadInput): Set<string> {
  const ids = new Set<string>();
  if (input.external_id) {
    const stored = leadWithExternalId(connection, input.external_id);
    if (stored !== null) ids.add(stored);
    for (const id of freshByContact.get(`external_id ${input.external_id}`) ?? []) ids.add(id);
  }
  for (const { kind, value } of [...contactList("phone", input.phones), ...contactList("email", input.emails)]) {
    const holders = connection.all(
      "SELECT lead_id FROM lead_contact WHERE kind = ? AND value = ? ORDER BY lead_id LIMIT ?",
      kind,
      value,
      MOST_HOLDERS,
    );
    for (const row of holders) ids.add(text(row, "lead_id"));
    for (const id of freshByContact.get(`${kind} ${value}`) ?? []) ids.add(id);
  }
  return ids;
}

/** How many leads with one number or address are looked at. */
const MOST_HOLDERS = 50;

function contactList(kind: ContactKind, values: readonly string[] | undefined): Contact[] {
  return values === undefined ? [] : values.map((value) => ({ kind, value }));
}

function identityKeys(lead: Lead): string[] {
  const keys = [...contactList("phone", lead.phones), ...contactList("email", lead.emails)].map(
    ({ kind, value }) => `${kind} ${value}`,
  );
  if (lead.external_id !== null) keys.push(`external_id ${lead.external_id}`);
  return keys;
}

function insertAll(connection: Connection, leads: ReadonlyMap<string, Lead>): void {
  const contacts: [kind: ContactKind, value: string, leadId: string][] = [];
  for (const lead of leads.values()) {
    writeLead(connection, lead);
    for (const { kind, value } of contactsOf(lead)) contacts.push([kind, value, lead._id]);
  }
  contacts.sort(([kindA, valueA], [kindB, valueB]) => {
    if (kindA !== kindB) return kindA < kindB ? -1 : 1;
    return valueA < valueB ? -1 : valueA > valueB ? 1 : 0;
  });
  for (const [kind, value, leadId] of contacts) insertContact(connection, kind, value, leadId);
  if (leads.size > 0) connection.run("UPDATE lead_total SET leads = leads + ?", leads.size);
}

/** The order of creation is the order of identifiers, which every index already has behind its own column. */
const SORT_COLUMN: Record<LeadSortField, string> = {
  created_at: "lead._id",
  updated_at: "lead.updated_at",
  name: "lead.name",
  total_spend: "lead.total_spend",
  visits: "lead.visits",
  last_order_at: "lead.last_order_at",
};

function listLeads(
  connection: Connection,
  request: PageRequest & { rule: Rule | null; sort: Sort<LeadSortField>; now: Instant },
): Page<Lead> {
  const filter = request.rule === null ? { sql: "TRUE", params: [] } : compileRule(request.rule, request.now);
  const totalRow =
    request.rule === null
      ? connection.get("SELECT leads AS total FROM lead_total")
      : connection.get(`SELECT count(*) AS total FROM lead WHERE ${filter.sql}`, ...filter.params);
  const total = totalRow === undefined ? 0 : number(totalRow, "total");
  const skipped = (request.page - 1) * request.limit;
  const wanted = Math.min(request.limit, total - skipped);
  if (wanted <= 0) return { items: [], total };

  // The second half of a long list is read from its end, so that no page skips more than half of the rows.
  const fromEnd = skipped > total / 2;
  const offset = fromEnd ? total - skipped - wanted : skipped;
  const ascending = (request.sort.direction === "asc") !== fromEnd;
  const order = orderBy(request.sort.by, ascending ? "ASC" : "DESC");
  // The page's identifiers come from an index alone; only they are looked up.
  const rows = connection.all(
    `SELECT ${leadColumns("lead")} FROM lead
     WHERE lead.rowid IN (SELECT lead.rowid FROM lead WHERE ${filter.sql} ORDER BY ${order} LIMIT ? OFFSET ?)
     ORDER BY ${order}`,
    ...filter.params,
    wanted,
    offset,
  );
  const items = rows.map(leadOf);
  return { items: fromEnd ? items.reverse() : items, total };
}

function orderBy(field: LeadSortField, direction: "ASC" | "DESC"): string {
  const column = SORT_COLUMN[field];
  return field === "created_at" ? `${column} ${direction}` : `${column} ${direction}, lead.rowid ${direction}`;
}
