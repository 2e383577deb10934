/** Owns the variables that a message may name, and what each of them is for a lead. */
import type { Lead } from "../lead/lead.ts";
import { clip, closest, quote } from "../text.ts";

/** The variables that have a single value; the others have parts, such as `tags[0]` and `metadata.tier`. */
const SCALARS = ["name", "email", "phone", "total_spend", "visits", "last_order_at", "external_id", "timezone"] as const;
const LISTS = ["emails", "phones", "tags"] as const;
export const VARIABLES = [...SCALARS, ...LISTS, "metadata"] as const;

/** The values of `lead`'s variables. Times are ISO 8601; `email` and `phone` are the first of their lists. */
export function variablesOf(lead: Lead): Record<(typeof VARIABLES)[number], unknown> {
  return {
    name: lead.name,
    email: lead.emails[0],
    phone: lead.phones[0],
    total_spend: lead.total_spend,
    visits: lead.visits,
    get last_order_at() {
      return lead.last_order_at === null ? null : new Date(lead.last_order_at).toISOString();
    },
    external_id: lead.external_id,
    timezone: lead.timezone,
    emails: lead.emails,
    phones: lead.phones,
    tags: lead.tags,
    metadata: lead.metadata,
  };
}

/** Says what is wrong with a variable's path (`["metadata", "tier"]`), or `null` where it may be used. */
export function variableProblem(path: readonly unknown[]): string | null {
  const [root, part] = path;
  const name = String(root);
  if (contains(SCALARS, name)) {
    return part === undefined || part === "size" ? null : `${quote(name)} has no parts: write {{ ${name} }}`;
  }
  if (contains(LISTS, name) || (name === "metadata" && part !== undefined)) return null;
  if (name === "metadata") return '"metadata" has many fields: write which one, such as {{ metadata.tier }}';
  const meant = VARIABLES.find((known) => known === part) ?? closest(name, VARIABLES);
  if (meant !== null) return `${quote(name)} is not a variable: did you mean {{ ${meant} }}?`;
  return `${quote(name)} is not a variable: use ${VARIABLES.slice(0, -1).join(", ")}, or metadata.${clip(name)} for a field of your own`;
}

function contains(names: readonly string[], name: string): boolean {
  return names.includes(name);
}
