/** Owns how a lead lies in its table: the columns, and the way from a row to a lead and back. */
import type { ConsentState, Lead } from "@mini-crm/core/lead/lead";
import { TEMPLATE_FIELDS, type TemplateField } from "@mini-crm/core/template/fields";
import { type Connection, number, numberOrNull, type Row, text, textOrNull } from "./connection.ts";

/** The select list from which `leadOf` reads; `alias` is the table's name in the query. */
export function leadColumns(alias: string): string {
  const plain = [
    "_id",
    "external_id",
    "name",
    "emails",
    "phones",
    "tags",
    "total_spend",
    "visits",
    "last_order_at",
    "timezone",
    "consent",
    "consent_source",
    "consent_at",
    "created_at",
    "updated_at",
  ];
  return `${plain.map((column) => `${alias}.${column}`).join(", ")}, json(${alias}.metadata) AS metadata`;
}

/** How each field stands in the JSON text of a lead, where it is wanted and where it is not. */
const FIELD_AS_JSON: Record<TemplateField, { wanted: string; blank: string }> = {
  name: { wanted: "json_quote(l.name)", blank: "null" },
  emails: { wanted: "l.emails", blank: "[]" },
  phones: { wanted: "l.phones", blank: "[]" },
  tags: { wanted: "l.tags", blank: "[]" },
  total_spend: { wanted: "json_quote(l.total_spend)", blank: "null" },
  visits: { wanted: "json_quote(l.visits)", blank: "null" },
  last_order_at: { wanted: "json_quote(l.last_order_at)", blank: "null" },
  external_id: { wanted: "json_quote(l.external_id)", blank: "null" },
  timezone: { wanted: "json_quote(l.timezone)", blank: "null" },
  metadata: { wanted: "json(l.metadata)", blank: "{}" },
};

/**
 * SQL for the lead `l` of a query as the JSON text of a `Lead` that only has `fields`; `null` where there is no lead. Put together
 * of texts: SQLite's own `json_object` would read every list again.
 */
export function leadAsJson(fields: readonly TemplateField[]): string {
  const parts = TEMPLATE_FIELDS.map((field) => {
    const { wanted, blank } = FIELD_AS_JSON[field];
    return fields.includes(field) ? `,"${field}":' || ${wanted} || '` : `,"${field}":${blank}`;
  });
  const consent = `,"consent":{"state":"' || l.consent || '","source":null,"at":null}`;
  return `CASE WHEN l._id IS NULL THEN 'null' ELSE '{"_id":"' || l._id || '"${parts.join("")}${consent},"created_at":' ||
    l.created_at || ',"updated_at":' || l.updated_at || '}' END`;
}

export function leadOf(row: Row): Lead {
  return {
    _id: text(row, "_id"),
    external_id: textOrNull(row, "external_id"),
    name: textOrNull(row, "name"),
    emails: JSON.parse(text(row, "emails")),
    phones: JSON.parse(text(row, "phones")),
    total_spend: numberOrNull(row, "total_spend"),
    visits: numberOrNull(row, "visits"),
    last_order_at: numberOrNull(row, "last_order_at"),
    tags: JSON.parse(text(row, "tags")),
    timezone: textOrNull(row, "timezone"),
    consent: {
      state: text(row, "consent") as ConsentState,
      source: textOrNull(row, "consent_source"),
      at: numberOrNull(row, "consent_at"),
    },
    metadata: JSON.parse(text(row, "metadata")),
    created_at: number(row, "created_at"),
    updated_at: number(row, "updated_at"),
  };
}

/** Writes a lead's row, new or known; its contacts are written by `insertContact`. */
export function writeLead(connection: Connection, lead: Lead): void {
  connection.run(
    `INSERT INTO lead (_id, external_id, name, emails, phones, tags, total_spend, visits, last_order_at, timezone,
      consent, consent_source, consent_at, metadata, created_at, updated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, jsonb(?), ?, ?)
     ON CONFLICT (_id) DO UPDATE SET external_id = excluded.external_id, name = excluded.name, emails = excluded.emails,
      phones = excluded.phones, tags = excluded.tags, total_spend = excluded.total_spend, visits = excluded.visits,
      last_order_at = excluded.last_order_at, timezone = excluded.timezone, consent = excluded.consent,
      consent_source = excluded.consent_source, consent_at = excluded.consent_at, metadata = excluded.metadata,
      updated_at = excluded.updated_at`,
    lead._id,
    lead.external_id,
    lead.name,
    JSON.stringify(lead.emails),
    JSON.stringify(lead.phones),
    JSON.stringify(lead.tags),
    lead.total_spend,
    lead.visits,
    lead.last_order_at,
    lead.timezone,
    lead.consent.state,
    lead.consent.source,
    lead.consent.at,
    JSON.stringify(lead.metadata),
    lead.created_at,
    lead.updated_at,
  );
}

export type ContactKind = "email" | "phone" | "tag";
/** One entry of `lead_contact`. */
export interface Contact {
  kind: ContactKind;
  value: string;
}

export function contactsOf(lead: Pick<Lead, "emails" | "phones" | "tags">): Contact[] {
  return [
    ...lead.emails.map((value): Contact => ({ kind: "email", value })),
    ...lead.phones.map((value): Contact => ({ kind: "phone", value })),
    ...lead.tags.map((value): Contact => ({ kind: "tag", value })),
  ];
}

export function insertContact(connection: Connection, kind: ContactKind, value: string, leadId: string): void {
  connection.run("INSERT OR IGNORE INTO lead_contact (kind, value, lead_id) VALUES (?, ?, ?)", kind, value, leadId);
}

export function deleteContacts(connection: Connection, lead: Lead): void {
  for (const { kind, value } of contactsOf(lead)) {
    connection.run("DELETE FROM lead_contact WHERE kind = ? AND value = ? AND lead_id = ?", kind, value, lead._id);
  }
}
