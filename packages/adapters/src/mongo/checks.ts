/** Owns the looks at the data that find what can only be wrong where something is broken. */
import type { Instant } from "@mini-crm/core/instant";
import { MOST_HOLDERS } from "@mini-crm/core/lead/merge-list";
import { messageId } from "@mini-crm/core/message/message";
import type { LeadCheck, OverdueClaim } from "@mini-crm/core/ports/store";
import type { LeadDocument } from "./documents.ts";
import { leadsWith, leadTotal } from "./leads.ts";
import type { Tables } from "./tables.ts";

/** How many problems are told. */
const MOST_TOLD = 10;
/** How many leads are looked at together. */
const LEADS_AT_ONCE = 500;
/** How many claims are looked at. */
const MOST_CLAIMS = 1_000;

/** That each index leads to all that is in the documents is the server's to know; here are the promises that the verbs keep. */
export async function checkLeads(tables: Tables, sample: number): Promise<LeadCheck> {
  const [total, counted] = [await leadTotal(tables), await tables.lead.count({})];
  const leads = await tables.lead.aggregate<Sampled>([
    { $sample: { size: sample } },
    { $project: { phones: 1, emails: 1, shares_phone: 1 } },
  ]);
  const problems = new Set<string>();
  for (let start = 0; start < leads.length; start += LEADS_AT_ONCE) {
    for (const problem of await problemsOf(tables, leads.slice(start, start + LEADS_AT_ONCE))) problems.add(problem);
  }
  return { total, counted, looked: leads.length, problems: [...problems].slice(0, MOST_TOLD) };
}

type Sampled = Pick<LeadDocument, "_id" | "phones" | "emails" | "shares_phone">;

/** Leads that would not be recognised by all that they have, or be written to beside another with the same number. */
async function problemsOf(tables: Tables, leads: readonly Sampled[]): Promise<string[]> {
  const problems: string[] = [];
  for (const [field, kind] of [["phones", "phone"] as const, ["emails", "e-mail address"] as const]) {
    const found = await leadsWith(tables, field, [...new Set(leads.flatMap((lead) => lead[field]))], MOST_HOLDERS);
    const holders = new Map<string, Set<string>>();
    for (const { _id, [field]: values } of found) {
      for (const value of values) holders.set(value, (holders.get(value) ?? new Set()).add(_id));
    }
    for (const { _id, shares_phone, [field]: values } of leads) {
      const known = values.map((value) => holders.get(value) ?? new Set<string>());
      if (known.some((ids) => ids.size < MOST_HOLDERS && !ids.has(_id)))
        problems.push(`The lead ${_id} is not found by its ${kind}`);
      if (field === "phones" && !shares_phone && known.some((ids) => ids.size > 1)) {
        problems.push(`The lead ${_id} shares a phone and is not marked`);
      }
    }
  }
  return problems;
}

export async function overdueClaims(tables: Tables, before: Instant, limit: number): Promise<OverdueClaim[]> {
  const claims = await tables.claim.find({ until: { $lt: before } }, { sort: { until: 1 }, limit: MOST_CLAIMS });
  const overdue: OverdueClaim[] = [];
  for (const { worker, campaign_id, first, last, until } of claims) {
    const messages = await tables.message.count({
      _id: { $gte: messageId(campaign_id, first), $lte: messageId(campaign_id, last) },
      status: { $in: ["CLAIMED", "SENDING"] },
      worker,
    });
    if (messages > 0) overdue.push({ worker, campaign_id, messages, until });
    if (overdue.length === limit) break;
  }
  return overdue;
}
