/** Owns how SQLite carries a rule out: a boolean expression over the table `lead`, shaped so that its indexes are used. */
import type { DatabaseSync } from "node:sqlite";
import { unreachable } from "@mini-crm/core/app-error";
import type { Instant } from "@mini-crm/core/instant";
import { parseIsoTime } from "@mini-crm/core/iso-time";
import { readComparison, type Test } from "@mini-crm/core/segment/condition";
import type { Field, ListField } from "@mini-crm/core/segment/fields";
import type { Rule } from "@mini-crm/core/segment/rule";
import { metadataTest } from "./rule-metadata.ts";
import { valueTest } from "./rule-value.ts";
import { raw, type Sql, sql } from "./sql.ts";

/** `sql` stands in parentheses, is never NULL, and has a `?` for each of `params`, in their order. */
export interface RuleQuery {
  sql: string;
  params: (string | number)[];
}

const CONTACT_KIND: Record<ListField, string> = { emails: "email", phones: "phone", tags: "tag" };

/**
 * Compiles a rule for a query over `lead` by that name, as seen at `now`. The connection needs `registerRuleFunctions`. A rule
 * as large as `parseRule` lets through stays within SQLite's limits on depth and on parameters.
 */
export function compileRule(rule: Rule, now: Instant): RuleQuery {
  const query = ruleSql(rule, now);
  return { sql: `(${query.sql})`, params: [...query.params] };
}

/** Teaches a connection the functions that compiled rules call. */
export function registerRuleFunctions(db: DatabaseSync): void {
  db.function("iso_time", { deterministic: true }, (text) => (typeof text === "string" ? parseIsoTime(text) : null));
}

function ruleSql(rule: Rule, now: Instant): Sql {
  if (!("op" in rule)) {
    const { field, test, negated } = readComparison(rule, now);
    const positive = conditionSql(field, test);
    return negated ? sql`NOT (${positive})` : positive;
  }
  switch (rule.op) {
    case "AND":
    case "OR":
      return joined(
        rule.children.map((child) => ruleSql(child, now)),
        raw(rule.op),
      );
    case "NOT":
      return sql`NOT (${ruleSql(rule.children[0], now)})`;
    default:
      return unreachable(rule);
  }
}

/** Joins by halves: a chain would be as deep as it is long, and SQLite goes no deeper than 1,000. */
function joined(parts: readonly Sql[], op: Sql): Sql {
  const [only = raw("TRUE")] = parts;
  if (parts.length <= 1) return sql`(${only})`;
  const middle = Math.floor(parts.length / 2);
  return sql`(${joined(parts.slice(0, middle), op)} ${op} ${joined(parts.slice(middle), op)})`;
}

function conditionSql(field: Field, test: Test): Sql {
  switch (field.kind) {
    case "scalar":
      return columnTest(raw(`lead.${field.name.replace(".", "_")}`), test);
    case "list":
      return contactTest(field.name, test);
    case "metadata":
      return metadataTest(field.path, test);
    default:
      return unreachable(field);
  }
}

/** NULL would survive a NOT, so it is ruled out first; the comparison beside it still finds its index. */
function columnTest(column: Sql, test: Test): Sql {
  if (test.kind === "exists") return sql`${column} IS NOT NULL`;
  return sql`(${column} IS NOT NULL AND ${valueTest(column, test)})`;
}

function contactTest(list: ListField, test: Test): Sql {
  if (test.kind === "exists") return sql`${raw(`lead.${list}`)} <> '[]'`;
  const kind = raw(`'${CONTACT_KIND[list]}'`);
  return sql`lead._id IN (SELECT lead_id FROM lead_contact WHERE kind = ${kind} AND ${valueTest(raw("value"), test)})`;
}
