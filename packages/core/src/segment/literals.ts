/** Owns what a rule may compare a field with: which literals fit which field and operator. */
import { parseIsoTime } from "../iso-time.ts";
import { parsePhone } from "../lead/phone.ts";
import type { Problem } from "../problem.ts";
import { isStorableText, quote } from "../text.ts";
import { parseDuration } from "./duration.ts";
import type { Field } from "./fields.ts";
import type { Scalar } from "./rule.ts";

export type Parsed<Value> = { ok: true; value: Value } | { ok: false; problem: Problem };

/** The field that a literal is compared with, and what the rule calls it. */
export interface Subject {
  field: Field;
  name: string;
}

const MAX_TEXT_CHARS = 1000;
const MAX_LIST_ITEMS = 10_000;

const WANTED = {
  text: "a text in quotes",
  number: "a number without quotes, such as 1000",
  date: 'a date or a time with its zone, such as "2025-01-10" or "2025-01-10T10:00:00Z"',
  metadata: "a text, a number, true, false or null",
} as const;

/** `what` continues a sentence that begins with where it is, without the full stop. */
export function broken(at: string, rule: string, what: string): { ok: false; problem: Problem } {
  return { ok: false, problem: { field: at, rule, message: `\`${at}\` ${what}${what.endsWith("?") ? "" : "."}` } };
}

/** One value of the subject's own type; of any type for metadata. */
export function parseScalar(value: unknown, subject: Subject, at: string): Parsed<Scalar> {
  const wanted = wantedOf(subject.field);
  if (typeof value === "string" && wanted !== "number") {
    return wanted === "date" ? parseDate(value, at) : parseText(asKept(value, subject), at);
  }
  if (typeof value === "number" && (wanted === "number" || wanted === "metadata")) return parseNumber(value, at);
  if (wanted === "metadata" && (value === null || typeof value === "boolean")) return { ok: true, value };
  const advice = value === null ? `; to find leads without \`${subject.name}\`, use NOT_EXISTS` : "";
  return broken(at, "type", `must be ${WANTED[wanted]}, which is what \`${subject.name}\` can be compared with${advice}`);
}

/** One value that can be more or less than another. */
export function parseOrdered(value: unknown, subject: Subject, at: string): Parsed<string | number> {
  const read = parseScalar(value, subject, at);
  if (!read.ok) return read;
  if (typeof read.value === "string" || typeof read.value === "number") return { ok: true, value: read.value };
  return broken(at, "type", "must be a text or a number: true, false and null are neither more nor less than anything");
}

/** The two ends of a range, of one type. */
export function parsePair(value: unknown, subject: Subject, at: string): Parsed<[string, string] | [number, number]> {
  if (!Array.isArray(value) || value.length !== 2) return broken(at, "items", "must be a list of two values: [lowest, highest]");
  const low = parseOrdered(value[0], subject, `${at}[0]`);
  if (!low.ok) return low;
  const high = parseOrdered(value[1], subject, `${at}[1]`);
  if (!high.ok) return high;
  if (typeof low.value === "string" && typeof high.value === "string") return { ok: true, value: [low.value, high.value] };
  if (typeof low.value === "number" && typeof high.value === "number") return { ok: true, value: [low.value, high.value] };
  return broken(at, "type", "must be two texts or two numbers, not one of each");
}

export function parseList(value: unknown, subject: Subject, at: string): Parsed<Scalar[]> {
  if (!Array.isArray(value)) return broken(at, "type", 'must be a list, such as ["a", "b"]');
  if (value.length === 0) return broken(at, "min_items", "must have at least one value");
  if (value.length > MAX_LIST_ITEMS) {
    return broken(at, "max_items", `has ${value.length} values: keep it to ${MAX_LIST_ITEMS}, or give these leads a tag instead`);
  }
  const values: Scalar[] = [];
  for (const [index, item] of value.entries()) {
    const read = parseScalar(item, subject, `${at}[${index}]`);
    if (!read.ok) return read;
    values.push(read.value);
  }
  return { ok: true, value: values };
}

/** A part of a text. An empty one is part of every text, so it would silently select nearly everybody. */
export function parseTextPart(value: unknown, subject: Subject, at: string): Parsed<string> {
  if (typeof value !== "string") return broken(at, "type", `must be ${WANTED.text}`);
  if (value === "") return broken(at, "min_length", "must have at least one character; to find leads that have any, use EXISTS");
  return parseText(isEmail(subject) ? value.toLowerCase() : value, at);
}

export function parsePeriod(value: unknown, at: string): Parsed<string> {
  if (typeof value === "string" && parseDuration(value) !== null) return { ok: true, value };
  return broken(
    at,
    "duration",
    'must be a number of minutes, hours, days or weeks, such as "90m", "12h", "30d", "2w"; at most 100 years',
  );
}

/** Addresses and numbers in the one spelling that leads have them in, however a person writes them in a rule. */
function asKept(value: string, subject: Subject): string {
  if (isEmail(subject)) return value.trim().toLowerCase();
  if (subject.field.kind !== "list" || subject.field.name !== "phones") return value;
  const read = parsePhone(value);
  return read.ok ? read.phone : value;
}

function isEmail({ field }: Subject): boolean {
  return field.kind === "list" && field.name === "emails";
}

function wantedOf(field: Field): keyof typeof WANTED {
  switch (field.kind) {
    case "scalar":
      return field.type;
    case "list":
      return "text";
    case "metadata":
      return "metadata";
  }
}

function parseText(value: string, at: string): Parsed<string> {
  if (value.length > MAX_TEXT_CHARS) return broken(at, "max_length", `has ${value.length} characters: keep to ${MAX_TEXT_CHARS}`);
  if (isStorableText(value)) return { ok: true, value };
  return broken(at, "text", `holds a NUL character or half a character: take it out of ${quote(value)}`);
}

function parseDate(value: string, at: string): Parsed<string> {
  if (parseIsoTime(value) !== null) return { ok: true, value };
  return broken(at, "date", `must be ${WANTED.date}, not ${quote(value)}`);
}

/** `JSON.parse` reads 1e999 as infinite. */
function parseNumber(value: number, at: string): Parsed<number> {
  return Number.isFinite(value) ? { ok: true, value } : broken(at, "finite", "is too large a number: write a smaller one");
}
