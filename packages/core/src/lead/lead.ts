/** Owns what a lead is: a person one can write to, and what is known of them. */
import type { Instant } from "../instant.ts";
import type { JsonObject } from "../json.ts";

export const CONSENT_STATES = ["unknown", "opted_in", "opted_out"] as const;
export type ConsentState = (typeof CONSENT_STATES)[number];

/** Whether this person wants to be written to, who said so, and when. */
export interface Consent {
  state: ConsentState;
  source: string | null;
  at: Instant | null;
}

/** A person as stored. `null` and an empty list mean that nothing is known. */
export interface Lead {
  _id: string;
  /** The identifier that another system gave this person. */
  external_id: string | null;
  name: string | null;
  emails: string[];
  /** In E.164, such as `+14155550123`; the first is the one that campaigns write to. */
  phones: string[];
  total_spend: number | null;
  visits: number | null;
  last_order_at: Instant | null;
  tags: string[];
  /** An IANA name, such as `Europe/Berlin`. */
  timezone: string | null;
  consent: Consent;
  metadata: JsonObject;
  created_at: Instant;
  updated_at: Instant;
}

/** Sorts behind every lead's identifier. */
export const AFTER_ALL_LEADS = "g";

/** How much of each a lead may hold; texts are counted in UTF-16 units, metadata as JSON. */
export const LEAD_LIMITS = {
  externalIdChars: 200,
  nameChars: 200,
  emails: 20,
  emailChars: 254,
  phones: 20,
  /** As written; a phone that is kept has at most 16. */
  phoneChars: 60,
  tags: 50,
  tagChars: 100,
  timezoneChars: 64,
  consentSourceChars: 200,
  metadataBytes: 16 * 1024,
  metadataDepth: 8,
  metadataKeys: 200,
} as const;

/**
 * What a caller says of a person: every field may be absent, which leaves what is known as it is. `null` erases a scalar.
 * Values are already normalised (see `intake.ts`).
 */
export interface LeadInput {
  external_id?: string | null;
  name?: string | null;
  emails?: string[];
  phones?: string[];
  total_spend?: number | null;
  visits?: number | null;
  last_order_at?: Instant | null;
  tags?: string[];
  timezone?: string | null;
  consent?: Consent;
  metadata?: JsonObject;
}
