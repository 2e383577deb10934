/** Owns the names that rules know: a lead's own fields with their types, and the paths into its metadata. */
import { LEAD_LIMITS } from "../lead/lead.ts";
import { isForbiddenKey } from "../lead/metadata.ts";
import { closest, isStorableText, quote } from "../text.ts";
import { COMPARISON_OPERATORS, type ComparisonOperator } from "./rule.ts";

/** Dates are instants in a lead, and ISO 8601 in a rule. */
export const SCALAR_FIELDS = {
  _id: "text",
  external_id: "text",
  name: "text",
  total_spend: "number",
  visits: "number",
  last_order_at: "date",
  timezone: "text",
  consent: "text",
  "consent.source": "text",
  "consent.at": "date",
  created_at: "date",
  updated_at: "date",
} as const;
export type ScalarField = keyof typeof SCALAR_FIELDS;
export type ScalarType = (typeof SCALAR_FIELDS)[ScalarField];

/** Lists of texts. */
export const LIST_FIELDS = ["emails", "phones", "tags"] as const;
export type ListField = (typeof LIST_FIELDS)[number];

export type Field =
  | { kind: "scalar"; name: ScalarField; type: ScalarType }
  | { kind: "list"; name: ListField }
  | { kind: "metadata"; path: string[] };

/** `problem` continues a sentence that begins with where the name stands. */
export type FieldRead = { ok: true; field: Field } | { ok: false; rule: "unknown_field" | "path"; problem: string };

const MAX_NAME_CHARS = 500;

const KEY = String.raw`"(?:[^"\\]|\\["\\])+"|[^."]+`;
const METADATA_NAME = new RegExp(`^metadata(?:\\.(?:${KEY}))+$`);
const KEYS = new RegExp(`\\.(${KEY})`, "g");

const COMPARING = ["==", "!=", "IN", "NOT_IN", ">", ">=", "<", "<=", "BETWEEN", "EXISTS", "NOT_EXISTS"] as const;
const SEARCHING = [...COMPARING, "CONTAINS", "NOT_CONTAINS", "STARTS_WITH", "ENDS_WITH"] as const;
const DATING = [...COMPARING, "WITHIN_LAST", "NOT_WITHIN_LAST"] as const;

/** The operators that say something about `field`; metadata may hold anything, so it takes them all. */
export function operatorsOf(field: Field): readonly ComparisonOperator[] {
  if (field.kind === "metadata") return COMPARISON_OPERATORS;
  if (field.kind === "list" || field.type === "text") return SEARCHING;
  return field.type === "date" ? DATING : COMPARING;
}

/**
 * Reads a field's name as rules write it: a lead's own, or `metadata.` and the keys to go down, with dots between them. A key
 * that holds a dot or a double quote goes in double quotes, with a backslash before quotes and backslashes: `metadata."a.b".c`.
 */
export function parseField(name: string): FieldRead {
  if (Object.hasOwn(SCALAR_FIELDS, name)) {
    const scalar = name as ScalarField;
    return { ok: true, field: { kind: "scalar", name: scalar, type: SCALAR_FIELDS[scalar] } };
  }
  const list = LIST_FIELDS.find((field) => field === name);
  if (list !== undefined) return { ok: true, field: { kind: "list", name: list } };
  if (!/^metadata(?:\.|$)/.test(name)) return { ok: false, rule: "unknown_field", problem: unknownField(name) };
  return parseMetadataField(name);
}

/** Writes the name that `parseField` reads as the field at `path` in the metadata. */
export function metadataFieldName(path: readonly string[]): string {
  return ["metadata", ...path.map((key) => (/[."]/.test(key) ? `"${key.replaceAll(/["\\]/g, "\\$&")}"` : key))].join(".");
}

function parseMetadataField(name: string): FieldRead {
  if (name.length > MAX_NAME_CHARS) return badPath(`has ${name.length} characters: name a path of at most ${MAX_NAME_CHARS}`);
  if (!METADATA_NAME.test(name)) {
    return badPath('must be a path such as metadata.address.city; a key that holds dots goes in double quotes: metadata."a.b".c');
  }
  const path = Array.from(name.matchAll(KEYS), ([, key = ""]) =>
    key.startsWith('"') ? key.slice(1, -1).replaceAll(/\\(["\\])/g, "$1") : key,
  );
  const { metadataDepth } = LEAD_LIMITS;
  if (path.length > metadataDepth) return badPath(`goes ${path.length} keys deep: metadata has at most ${metadataDepth} levels`);
  const bad = path.find((key) => isForbiddenKey(key) || !isStorableText(key));
  if (bad !== undefined) return badPath(`goes through ${quote(bad)}, which metadata cannot hold: name another key`);
  return { ok: true, field: { kind: "metadata", path } };
}

function badPath(problem: string): FieldRead {
  return { ok: false, rule: "path", problem };
}

function unknownField(name: string): string {
  const known = [...Object.keys(SCALAR_FIELDS), ...LIST_FIELDS];
  const [first = "", ...rest] = name.split(".");
  const meant = closest(first, ["metadata"]) !== null && rest.length > 0 ? ["metadata", ...rest].join(".") : closest(name, known);
  const advice = meant === null ? "" : ` Did you mean ${quote(meant)}?`;
  return `names no field of a lead: ${quote(name)}.${advice} There are ${known.join(", ")}, and metadata.<path> for the rest`;
}
