/** Owns who is in a campaign's audience, and who of them cannot be written to, in SQL over the table `lead`. */
import type { FrozenRun } from "@mini-crm/core/campaign/campaign";
import { reasonOf } from "@mini-crm/core/message/reasons";
import { type Connection, number, text } from "./connection.ts";
import { compileRule, type RuleQuery } from "./rule-query.ts";

/** Those who cannot be written to; in these words, because an index is called so. */
export const UNREACHABLE = "(lead.consent = 'opted_out' OR lead.phones = '[]')";

/** Why each of them cannot. */
export const UNREACHABLE_BECAUSE = [
  { code: "opted_out", reason: reasonOf("opted_out"), condition: "lead.consent = 'opted_out'" },
  { code: "no_phone", reason: reasonOf("no_phone"), condition: "lead.consent <> 'opted_out'" },
] as const;

/** The condition that `lead` is in the audience that `frozen` holds fast. */
export function inAudience(frozen: FrozenRun): RuleQuery {
  const rule = compileRule(frozen.rule, frozen.cutoff);
  return { sql: `lead.created_at <= ? AND (${rule.sql})`, params: [frozen.cutoff, ...rule.params] };
}

/** The last lead of the window that begins after `after`; null where the window reaches the last lead of all. */
export function lastLeadOf(connection: Connection, after: string, cutoff: number, leads: number): string | null {
  const row = connection.get("SELECT _id FROM lead WHERE _id > ? ORDER BY _id LIMIT 1 OFFSET ?", after, leads - 1);
  if (row === undefined) return null;
  const created = connection.get("SELECT created_at FROM lead WHERE _id = ?", text(row, "_id"));
  return created !== undefined && number(created, "created_at") > cutoff ? null : text(row, "_id");
}
