/** Owns how a rule's test on metadata becomes SQL over the JSONB column, with all of JSON's types told apart. */
import { unreachable } from "@mini-crm/core/app-error";
import type { Test } from "@mini-crm/core/segment/condition";
import type { Scalar } from "@mini-crm/core/segment/rule";
import { type ValueTest, valueTest } from "./rule-value.ts";
import { raw, type Sql, sql } from "./sql.ts";

/** What is asked of a value of each JSON type; lists aside, no other value passes. */
interface TestByType {
  text: ValueTest | null;
  number: ValueTest | null;
  /** Those of `true`, `false` and `null` that pass. */
  constants: readonly string[];
}

/** SQL that is 1 or 0 for every lead. No path leads through a list, in SQLite as in the rule language. */
export function metadataTest(path: readonly string[], test: Test): Sql {
  const at = `$${path.map((key) => `.${JSON.stringify(key)}`).join("")}`;
  if (test.kind === "exists") return sql`json_type(lead.metadata, ${at}) IS NOT NULL`;
  const byType = testByType(test);
  const anyItem = sql`EXISTS (SELECT 1 FROM json_each(lead.metadata, ${at}) AS item WHERE ${caseByType(raw("item.type"), raw("item.value"), byType)} ELSE 0 END)`;
  const value = sql`(lead.metadata ->> ${at})`;
  const exact = sql`${caseByType(sql`json_type(lead.metadata, ${at})`, value, byType)} WHEN 'array' THEN ${anyItem} ELSE 0 END`;
  return sifted(sql`(lead.metadata -> ${at})`, test, exact);
}

function testByType(test: ValueTest): TestByType {
  switch (test.kind) {
    case "equal":
      return listTest([test.value]);
    case "in":
      return listTest(test.values);
    case "order":
      return typeof test.bound === "string"
        ? { text: test, number: null, constants: [] }
        : { text: null, number: test, constants: [] };
    case "between":
      return typeof test.low === "string"
        ? { text: test, number: null, constants: [] }
        : { text: null, number: test, constants: [] };
    case "text":
    case "time":
      return { text: test, number: null, constants: [] };
    default:
      return unreachable(test);
  }
}

function listTest(values: readonly Scalar[]): TestByType {
  return {
    text: oneOf(values.filter((value) => typeof value === "string")),
    number: oneOf(values.filter((value) => typeof value === "number")),
    constants: values.filter((value) => value === null || typeof value === "boolean").map(String),
  };
}

function oneOf(values: readonly (string | number)[]): ValueTest | null {
  const [first] = values;
  if (first === undefined) return null;
  return values.length === 1 ? { kind: "equal", value: first } : { kind: "in", values };
}

/** The beginning of a CASE by JSON type, still without its end. JSON's integers may be larger than REAL holds exactly. */
function caseByType(type: Sql, value: Sql, { text, number, constants }: TestByType): Sql {
  const ofText = text === null ? raw("") : sql` WHEN 'text' THEN ${valueTest(value, text)}`;
  const real = sql`CAST(${value} AS REAL)`;
  const ofNumber =
    number === null ? raw("") : sql` WHEN 'integer' THEN ${valueTest(real, number)} WHEN 'real' THEN ${valueTest(value, number)}`;
  return sql`CASE ${type}${ofText}${ofNumber}${raw(constants.map((constant) => ` WHEN '${constant}' THEN 1`).join(""))}`;
}

/**
 * Looking into the metadata is what takes time, and `exact` does it twice. A single look at the value's JSON decides most leads:
 * what passes holds the needle, and a text that begins with an opening quote and the needle's characters passes.
 */
function sifted(json: Sql, test: ValueTest, exact: Sql): Sql {
  const needle = needleOf(test);
  if (needle === null) return exact;
  const atStart = raw(needle.startsWith('"') ? " WHEN 1 THEN 1" : "");
  return sql`CASE ifnull(instr(${json}, ${needle}), 0) WHEN 0 THEN 0${atStart} ELSE ${exact} END`;
}

/** What the JSON of every value that passes holds, or `null` where nothing is known of it. */
function needleOf(test: ValueTest): string | null {
  const text = test.kind === "text" ? test.text : test.kind === "equal" ? test.value : null;
  // JSON writes these characters in another way.
  if (typeof text !== "string" || /["\\\p{Cc}]/u.test(text)) return null;
  const opened = test.kind === "equal" || (test.kind === "text" && test.place === "start") ? '"' : "";
  const closed = test.kind === "equal" || (test.kind === "text" && test.place === "end") ? '"' : "";
  return `${opened}${text}${closed}`;
}
