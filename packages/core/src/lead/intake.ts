/** Owns what may come in as a lead: it turns a caller's JSON into normalised fields, or says everything that is wrong with it. */
import type { Instant } from "../instant.ts";
import { parseIsoTime } from "../iso-time.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import type { Problem } from "../problem.ts";
import { clip, closest, isStorableText, quote } from "../text.ts";
import { CONSENT_STATES, type Consent, LEAD_LIMITS, type LeadInput } from "./lead.ts";
import { isForbiddenKey, metadataProblem } from "./metadata.ts";
import { type Country, parsePhone } from "./phone.ts";
import { ianaTimeZone } from "./time-zone.ts";

export type LeadRead = { ok: true; lead: LeadInput } | { ok: false; problems: Problem[] };

/** After so many problems the rest of a lead is not looked at. */
const MAX_PROBLEMS = 20;

const FIELDS: readonly (keyof LeadInput)[] = [
  "external_id",
  "name",
  "emails",
  "phones",
  "total_spend",
  "visits",
  "last_order_at",
  "tags",
  "timezone",
  "consent",
  "metadata",
];

const EARLIEST_TIME = Date.UTC(1900, 0);
const LATEST_TIME = Date.UTC(2200, 0);

/** No spaces, one `@`, a dot in the domain. No part can match in two ways, so it takes time in proportion to the text. */
const emailShape = /^[^\s@<>,;]+@[^\s@<>,;.]+(?:\.[^\s@<>,;.]+)+$/;

/** What the readers of single fields share: where they report, and how they read a phone without a country code. */
interface Reading {
  problems: Problem[];
  defaultCountry: Country | undefined;
}

/**
 * Reads a lead that may be new, so it needs something to be known by: a name, an e-mail, a phone or an `external_id`. Texts are
 * trimmed and an empty one means `null`; e-mails are in lower case, phones in E.164, times instants; what is listed twice is
 * listed once. Phones without a country code are read as numbers of `defaultCountry`. Never throws on what JSON can hold.
 */
export function readLead(input: unknown, defaultCountry?: Country): LeadRead {
  const read = readLeadChange(input, defaultCountry);
  if (!read.ok || isRecognisable(read.lead)) return read;
  const message = "A lead needs something to be known by: give at least one of `name`, `emails`, `phones` and `external_id`.";
  return { ok: false, problems: [{ field: "", rule: "required", message }] };
}

/** Reads a change to a lead that exists: as `readLead`, but any field may be missing. */
export function readLeadChange(input: unknown, defaultCountry?: Country): LeadRead {
  if (!isJsonObject(input)) {
    return { ok: false, problems: [{ field: "", rule: "type", message: 'A lead must be an object, such as {"name": "Ana"}.' }] };
  }
  const lead: LeadInput = {};
  const reading: Reading = { problems: [], defaultCountry };
  for (const field of Object.keys(input)) {
    readField(lead, field, input[field], reading);
    if (reading.problems.length >= MAX_PROBLEMS) break;
  }
  return reading.problems.length === 0 ? { ok: true, lead } : { ok: false, problems: reading.problems };
}

/** Tells whether a lead has anything that it could be known by. */
export function isRecognisable(lead: LeadInput): boolean {
  if (typeof lead.external_id === "string" || typeof lead.name === "string") return true;
  return (lead.phones?.length ?? 0) > 0 || (lead.emails?.length ?? 0) > 0;
}

/** Reads one field into `lead`. What is put there beside a reported problem is never used. */
function readField(lead: LeadInput, field: string, value: unknown, reading: Reading): void {
  switch (field) {
    case "external_id":
      lead.external_id = readText(value, field, LEAD_LIMITS.externalIdChars, reading);
      return;
    case "name":
      lead.name = readText(value, field, LEAD_LIMITS.nameChars, reading);
      return;
    case "emails":
      lead.emails = readList(value, field, LEAD_LIMITS.emails, readEmail, reading);
      return;
    case "phones":
      lead.phones = readList(value, field, LEAD_LIMITS.phones, readPhone, reading);
      return;
    case "tags":
      lead.tags = readList(value, field, LEAD_LIMITS.tags, readTag, reading);
      return;
    case "total_spend":
      lead.total_spend = readNumber(value, field, reading);
      return;
    case "visits":
      lead.visits = readCount(value, field, reading);
      return;
    case "last_order_at":
      lead.last_order_at = readTime(value, field, reading);
      return;
    case "timezone":
      lead.timezone = readTimeZone(value, field, reading);
      return;
    case "consent":
      if (value !== null) lead.consent = readConsent(value, reading);
      return;
    case "metadata":
      lead.metadata = readMetadata(value, reading);
      return;
    default:
      reportUnknownField(field, reading);
  }
}

function readText(value: unknown, field: string, maxChars: number, reading: Reading): string | null {
  if (value === null) return null;
  if (typeof value !== "string") return report(reading, field, "type", "must be a text in quotes");
  const text = value.trim();
  if (text === "") return null;
  if (text.length > maxChars) {
    return report(reading, field, "max_length", `has ${text.length} characters: keep it to ${maxChars}`);
  }
  if (isStorableText(text)) return text;
  return report(reading, field, "text", `holds a NUL character or half a character: take it out of ${quote(text)}`);
}

type ReadItem = (value: unknown, field: string, reading: Reading) => string | null;

/** Leaves out blank items and those that the list has already. */
function readList(value: unknown, field: string, maxItems: number, readItem: ReadItem, reading: Reading): string[] {
  const items: string[] = [];
  if (value === null) return items;
  if (!Array.isArray(value)) {
    report(reading, field, "type", 'must be a list of texts, such as ["…"]');
  } else if (value.length > maxItems) {
    report(reading, field, "max_items", `has ${value.length} entries: keep it to ${maxItems}`);
  } else {
    for (let index = 0; index < value.length; index++) {
      const item = readItem(value[index], `${field}[${index}]`, reading);
      if (item !== null && !items.includes(item)) items.push(item);
    }
  }
  return items;
}

function readEmail(value: unknown, field: string, reading: Reading): string | null {
  const address = readText(value, field, LEAD_LIMITS.emailChars, reading)?.toLowerCase();
  if (address === undefined) return null;
  if (emailShape.test(address) && address.length <= LEAD_LIMITS.emailChars) return address;
  return report(reading, field, "email", `must be an e-mail address such as ana@example.com, not ${quote(address)}`);
}

function readPhone(value: unknown, field: string, reading: Reading): string | null {
  const text = readText(value, field, LEAD_LIMITS.phoneChars, reading);
  if (text === null) return null;
  const read = parsePhone(text, reading.defaultCountry);
  if (read.ok) return read.phone;
  reading.problems.push({ field, rule: "phone", message: `\`${field}\`: ${read.reason}` });
  return null;
}

function readTag(value: unknown, field: string, reading: Reading): string | null {
  return readText(value, field, LEAD_LIMITS.tagChars, reading);
}

function readNumber(value: unknown, field: string, reading: Reading): number | null {
  if (value === null) return null;
  if (typeof value !== "number") return report(reading, field, "type", "must be a number without quotes, such as 8");
  return Number.isFinite(value) ? value : report(reading, field, "range", "is too large to be kept: write a smaller number");
}

function readCount(value: unknown, field: string, reading: Reading): number | null {
  const count = readNumber(value, field, reading);
  if (count === null || (Number.isSafeInteger(count) && count >= 0)) return count;
  return report(reading, field, "range", `must be a whole number that is 0 or more, not ${count}`);
}

function readTime(value: unknown, field: string, reading: Reading): Instant | null {
  if (value === null || value === "") return null;
  const time = typeof value === "string" ? parseIsoTime(value.trim()) : null;
  if (time === null) {
    return report(
      reading,
      field,
      "time",
      'must be a date or a time with its zone, such as "2025-01-10" or "2025-01-10T10:00:00Z"',
    );
  }
  if (time >= EARLIEST_TIME && time < LATEST_TIME) return time;
  return report(reading, field, "range", "must be between the years 1900 and 2199: check the year");
}

function readTimeZone(value: unknown, field: string, reading: Reading): string | null {
  const text = readText(value, field, LEAD_LIMITS.timezoneChars, reading);
  if (text === null) return null;
  const name = ianaTimeZone(text);
  return (
    name ?? report(reading, field, "time_zone", `must be the name of a time zone such as "Europe/Berlin", not ${quote(text)}`)
  );
}

function readConsent(value: unknown, reading: Reading): Consent {
  if (!isJsonObject(value)) return { state: readConsentState(value, "consent", reading), source: null, at: null };
  for (const key of Object.keys(value)) {
    if (key === "state" || key === "source" || key === "at") continue;
    report(reading, "consent", "unknown_field", `has no ${quote(key)}: give \`state\`, and perhaps \`source\` and \`at\``);
    break;
  }
  return {
    state: readConsentState(value["state"], "consent.state", reading),
    source: readText(value["source"] ?? null, "consent.source", LEAD_LIMITS.consentSourceChars, reading),
    at: readTime(value["at"] ?? null, "consent.at", reading),
  };
}

function readConsentState(value: unknown, field: string, reading: Reading): Consent["state"] {
  const state = CONSENT_STATES.find((known) => known === value);
  if (state === undefined) report(reading, field, "one_of", `must be one of "${CONSENT_STATES.join('", "')}"`);
  return state ?? "unknown";
}

function readMetadata(value: unknown, reading: Reading): JsonObject {
  if (value === null) return {};
  if (!isJsonObject(value)) {
    report(reading, "metadata", "type", 'must be an object, such as {"tier": "gold"}');
    return {};
  }
  const problem = metadataProblem(value);
  if (problem !== null) reading.problems.push(problem);
  return value;
}

function reportUnknownField(field: string, reading: Reading): void {
  if (isForbiddenKey(field)) {
    report(reading, field, "forbidden_key", "may not be the name of a field: give it another one, under `metadata`");
  } else if (field === "_id" || field === "created_at" || field === "updated_at") {
    report(reading, field, "read_only", "is given by the system: leave it out");
  } else {
    const meant = closest(field, FIELDS);
    const advice =
      meant === null ? "put anything else under `metadata`" : `did you mean \`${meant}\`? Put anything else under \`metadata\``;
    const message = `Unknown field ${quote(field)}: ${advice}.`;
    reading.problems.push({ field: clip(field), rule: "unknown_field", message });
  }
}

function report(reading: Reading, field: string, rule: string, what: string): null {
  reading.problems.push({ field, rule, message: `\`${field}\` ${what}.` });
  return null;
}
