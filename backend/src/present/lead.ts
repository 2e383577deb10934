/** Owns how a lead is shown. */
import type { Lead } from "@mini-crm/core/lead/lead";
import { isAssigned } from "@mini-crm/core/lead/phone";
import type { LeadJson } from "@mini-crm/wire/lead";
import { iso, isoOrNull } from "./time.ts";

export function leadJson(lead: Lead): LeadJson {
  return {
    ...lead,
    last_order_at: isoOrNull(lead.last_order_at),
    consent: { ...lead.consent, at: isoOrNull(lead.consent.at) },
    created_at: iso(lead.created_at),
    updated_at: iso(lead.updated_at),
  };
}

/** The lead's numbers that are well-formed and that nobody has. */
export function phoneFlags(lead: Lead): { phone: string; flag: "not_assigned"; message: string }[] {
  return lead.phones
    .filter((phone) => !isAssigned(phone))
    .map((phone) => ({
      phone,
      flag: "not_assigned",
      message: `${phone} is in no range that its country has given out: check it for a typing error.`,
    }));
}
