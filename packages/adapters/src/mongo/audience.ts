/** Owns who is in a campaign's audience, and who of them cannot be written to, over the collection of leads. */
import type { FrozenRun } from "@mini-crm/core/campaign/campaign";
import type { Instant } from "@mini-crm/core/instant";
import type { Filter } from "mongodb";
import { compileRule } from "./compile-rule.ts";
import type { LeadDocument } from "./documents.ts";
import type { Tables } from "./tables.ts";

/** Why somebody cannot be written to; null where nothing is in the way. */
export function unreachableBecause(lead: Pick<LeadDocument, "consent" | "phones">): "opted_out" | "no_phone" | null {
  if (lead.consent.state === "opted_out") return "opted_out";
  return lead.phones.length === 0 ? "no_phone" : null;
}

/** The filter for those who are in the audience that `frozen` holds fast. */
export function inAudience(frozen: FrozenRun): Filter<LeadDocument> {
  return { created_at: { $lte: new Date(frozen.cutoff) }, $and: [compileRule(frozen.rule, frozen.cutoff)] };
}

/** The last lead of the window that begins after `after`; null where the window reaches the last lead of all. */
export async function lastLeadOf(tables: Tables, after: string, cutoff: Instant, leads: number): Promise<string | null> {
  const [found] = await tables.lead.find(
    { _id: { $gt: after } },
    { sort: { _id: 1 }, hint: { _id: 1 }, skip: leads - 1, limit: 1, projection: { _id: 1 } },
  );
  if (found === undefined) return null;
  const last = await tables.lead.one({ _id: found._id }, { projection: { created_at: 1 } });
  return last !== null && last.created_at.getTime() > cutoff ? null : found._id;
}
