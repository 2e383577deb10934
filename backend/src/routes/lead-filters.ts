/** Owns the filters of the list of leads: each is a rule, so that a list and a segment never differ in what they mean. */
import { parsePhone } from "@mini-crm/core/lead/phone";
import type { LeadSortField, Sort } from "@mini-crm/core/ports/store";
import type { Rule } from "@mini-crm/core/segment/rule";
import { invalidInput } from "@mini-crm/runtime/http/refusal";
import type { LeadListQuery, LeadSort } from "@mini-crm/wire/lead";

/** Returns what all filters of `query` and `segment` (null: none) ask for together; null where that is every lead. */
export function ruleOfFilters(query: LeadListQuery, segment: Rule | null): Rule | null {
  const { q, email, phone, tag, consent, min_spend, max_spend } = query;
  const rules: Rule[] = [];
  if (segment !== null) rules.push(segment);
  if (q !== undefined) rules.push(nameContains(q));
  if (email !== undefined) rules.push(equals("emails", email.trim().toLowerCase()));
  if (phone !== undefined) rules.push(equals("phones", phoneIn(phone)));
  if (tag !== undefined) rules.push(equals("tags", tag.trim()));
  if (consent !== undefined) rules.push(equals("consent", consent));
  if (min_spend !== undefined) rules.push(spend(">=", min_spend));
  if (max_spend !== undefined) rules.push(spend("<=", max_spend));
  const [only] = rules;
  return rules.length > 1 ? { op: "AND", children: rules } : (only ?? null);
}

/** Reads `-total_spend` as: by `total_spend`, the largest first. */
export function sortOf(sort: LeadSort): Sort<LeadSortField> {
  const isDescending = sort.startsWith("-");
  const by = (isDescending ? sort.slice(1) : sort) as LeadSortField;
  return { by, direction: isDescending ? "desc" : "asc" };
}

/** Rules tell small letters from capitals and people who search do not, so the usual spellings are asked for. */
function nameContains(text: string): Rule {
  const lower = text.toLowerCase();
  const capitalised = lower.replaceAll(/(?<!\p{L})\p{L}/gu, (letter) => letter.toUpperCase());
  const spellings = new Set([text, lower, capitalised, text.toUpperCase()]);
  const children = [...spellings].map((value): Rule => {
    return {
      type: "comparison",
      operator: "CONTAINS",
      left: { type: "field", value: "name" },
      right: { type: "literal", value },
    };
  });
  return { op: "OR", children };
}

function equals(field: string, value: string): Rule {
  return { type: "comparison", operator: "==", left: { type: "field", value: field }, right: { type: "literal", value } };
}

function spend(operator: ">=" | "<=", value: number): Rule {
  return { type: "comparison", operator, left: { type: "field", value: "total_spend" }, right: { type: "literal", value } };
}

/** In a query string a bare `+` stands for a blank, so a number may have lost its own. */
function phoneIn(text: string): string {
  const read = parsePhone(/^ \d/.test(text) ? `+${text.trim()}` : text);
  if (read.ok) return read.phone;
  throw invalidInput([{ field: "phone", rule: "phone", message: `\`phone\`: ${read.reason}` }]);
}
