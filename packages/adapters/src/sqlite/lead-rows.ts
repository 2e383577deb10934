/** Owns how a lead lies in its table: the columns, and the way from a row to a lead and back. */
import type { ConsentState, Lead } from "@mini-crm/core/lead/lead";
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

/** The lead `l` of a query as the JSON text of a `Lead`; null where there is none. */
export const LEAD_AS_JSON = `CASE WHEN l._id IS NOT NULL THEN json_object('_id', l._id, 'external_id', l.external_id,
  'name', l.name, 'emails', json(l.emails), 'phones', json(l.phones), 'tags', json(l.tags), 'total_spend', l.total_spend,
  'visits', l.visits, 'last_order_at', l.last_order_at, 'timezone', l.timezone, 'metadata', json(l.metadata),
  'consent', json_object('state', l.consent, 'source', l.consent_source, 'at', l.consent_at),
  'created_at', l.created_at, 'updated_at', l.updated_at) END`;

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
