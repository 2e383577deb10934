/** Owns how a lead lies in its collection: the way from a document to a lead and back. */
import type { Instant } from "@mini-crm/core/instant";
import type { Lead } from "@mini-crm/core/lead/lead";
import type { TemplateField } from "@mini-crm/core/template/fields";
import type { AnyBulkWriteOperation, Document } from "mongodb";
import type { LeadDocument } from "./documents.ts";
import type { Tables } from "./tables.ts";

export function leadOf({ shares_phone, ...document }: LeadDocument): Lead {
  const { last_order_at, consent, created_at, updated_at } = document;
  return {
    ...document,
    external_id: document.external_id ?? null,
    last_order_at: instantOf(last_order_at),
    consent: { state: consent.state, source: consent.source ?? null, at: instantOf(consent.at) },
    created_at: created_at.getTime(),
    updated_at: updated_at.getTime(),
  };
}

/** The document of a lead that shares no number, as far as anybody knows. */
export function leadDocument(lead: Lead): LeadDocument {
  const { external_id, ...fields } = lead;
  return { ...fields, ...datesOf(lead), ...(external_id === null ? {} : { external_id }), shares_phone: false };
}

function datesOf({ last_order_at, consent, created_at, updated_at }: Lead) {
  return {
    last_order_at: dateOf(last_order_at),
    consent: { ...consent, at: dateOf(consent.at) },
    created_at: new Date(created_at),
    updated_at: new Date(updated_at),
  };
}

function instantOf(date: Date | null | undefined): Instant | null {
  return date?.getTime() ?? null;
}

function dateOf(instant: Instant | null): Date | null {
  return instant === null ? null : new Date(instant);
}

/** Writes leads that are known already; whether they share a number is left as it is. */
export async function writeLeads(tables: Tables, leads: readonly Lead[]): Promise<void> {
  await tables.lead.write(
    leads.map((lead): AnyBulkWriteOperation<LeadDocument> => {
      const { _id, created_at, shares_phone, ...fields } = leadDocument(lead);
      const absent = lead.external_id === null ? { $unset: { external_id: true } as const } : {};
      return { updateOne: { filter: { _id }, update: { $set: fields, ...absent } } };
    }),
  );
}

/** The projection from which `partOfLead` reads a lead that only has `fields`. */
export function leadProjection(fields: readonly TemplateField[]): Document {
  const named = ["consent.state", "created_at", "updated_at", ...fields];
  return Object.fromEntries(named.map((name) => [name, 1]));
}

const BLANK = {
  name: null,
  emails: [],
  phones: [],
  total_spend: null,
  visits: null,
  last_order_at: null,
  tags: [],
  timezone: null,
  metadata: {},
};

/** A lead whose other fields are blank. */
export function partOfLead(document: LeadDocument): Lead {
  return leadOf({ ...BLANK, ...document });
}
