/** Owns the verbs on leads: recognise, import, read, change, remove, list. */
import type { Instant } from "@mini-crm/core/instant";
import { decodeLeads } from "@mini-crm/core/lead/encoded-leads";
import type { Lead, LeadInput } from "@mini-crm/core/lead/lead";
import { replaceFields } from "@mini-crm/core/lead/merge";
import { type Holders, holdersOfSigns, mergeList } from "@mini-crm/core/lead/merge-list";
import type { ImportCounts, LeadChange, LeadSortField, Page, PageRequest, Sort } from "@mini-crm/core/ports/store";
import type { Rule } from "@mini-crm/core/segment/rule";
import { noteActivity } from "./activity.ts";
import { type Connection, number, text } from "./connection.ts";
import { type Contact, contactsOf, deleteContacts, insertContact, leadColumns, leadOf, writeLead } from "./lead-rows.ts";
import { compileRule } from "./rule-query.ts";
import { heedStops } from "./stops.ts";

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
        const { lead: replaced, changed } = replaceFields(known, input, now);
        if (!changed) return { kind: "changed", lead: replaced };
        // What a person has said here about consent is the last word; a new number brings its own.
        const [lead = replaced] = input.phones === undefined ? [] : heedStops(connection, [replaced], now);
        if (lead.consent.state === "opted_out" && known.consent.state !== "opted_out") {
          noteActivity(connection, { at: now, kind: "lead.opted_out", subject: id, data: { source: lead.consent.source } });
        }
        rememberSharedPhones(connection, known);
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
        rememberSharedPhones(connection, known);
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
 * Merges each input into the lead that it is recognised as, or adds a lead. Who is known is asked once for the whole body, and
 * new rows are written at the end, contacts in the order of their index: most of an import's time is index pages, and in order
 * each is touched once. The caller holds the transaction.
 */
export function importAll(connection: Connection, inputs: readonly LeadInput[], newId: () => string, now: Instant) {
  const holders = knownHolders(connection, inputs);
  const list = mergeList(inputs, { holders, read: (id) => readLead(connection, id), newId, now });
  for (const lead of heedStops(connection, list.changed, now)) {
    writeLead(connection, lead);
    for (const { kind, value } of contactsOf(lead)) insertContact(connection, kind, value, lead._id);
  }
  insertAll(connection, heedStops(connection, list.added, now));
  markSharedPhones(connection, list.shared);
  return list;
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

/** Keeps the numbers of a lead that is about to lose them, where others have them too. */
function rememberSharedPhones(connection: Connection, { _id }: Lead): void {
  connection.run(
    `INSERT OR IGNORE INTO former_phone (phone, lead_id)
     SELECT phone.value, lead._id FROM lead, json_each(lead.phones) AS phone WHERE lead._id = ? AND lead.shares_phone = 1`,
    _id,
  );
}

/** Who in the store has a sign that any of `inputs` has; asked in the order of the index. */
function knownHolders(connection: Connection, inputs: readonly LeadInput[]): Holders {
  const holders = holdersOfSigns();
  for (const [field, kind] of [
    ["phones", "phone"],
    ["emails", "email"],
  ] as const) {
    const values = inputs.flatMap((input) => input[field] ?? []);
    const rows = connection.all(
      `SELECT c.value, c.lead_id FROM json_each(?) AS wanted CROSS JOIN lead_contact AS c ON c.kind = ? AND c.value = wanted.value
       ORDER BY c.value, c.lead_id`,
      JSON.stringify([...new Set(values)].sort(byCodeUnit)),
      kind,
    );
    for (const row of rows) holders.hold(field, text(row, "value"), text(row, "lead_id"));
  }
  const externalIds = inputs.flatMap(({ external_id }) => (external_id ? [external_id] : []));
  const rows = connection.all(
    "SELECT lead.external_id, lead._id FROM json_each(?) AS wanted CROSS JOIN lead ON lead.external_id = wanted.value",
    JSON.stringify(externalIds),
  );
  for (const row of rows) holders.hold("external_id", text(row, "external_id"), text(row, "_id"));
  return holders;
}

function insertAll(connection: Connection, leads: readonly Lead[]): void {
  const contacts: (Contact & { leadId: string })[] = [];
  for (const lead of leads) {
    writeLead(connection, lead);
    for (const contact of contactsOf(lead)) contacts.push({ ...contact, leadId: lead._id });
  }
  contacts.sort((a, b) => byCodeUnit(a.kind, b.kind) || byCodeUnit(a.value, b.value));
  for (const { kind, value, leadId } of contacts) insertContact(connection, kind, value, leadId);
  if (leads.length > 0) connection.run("UPDATE lead_total SET leads = leads + ?", leads.length);
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
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
