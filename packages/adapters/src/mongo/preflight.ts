/** Owns the pre-flight on MongoDB: the audience as a start would find it, window by window, and what was shown of it. */
import type { FrozenRun } from "@mini-crm/core/campaign/campaign";
import type { Preflight } from "@mini-crm/core/campaign/preflight";
import { markRemoved, type SurveyedLead } from "@mini-crm/core/campaign/survey";
import { AFTER_ALL_LEADS } from "@mini-crm/core/lead/lead";
import type { PreflightStore } from "@mini-crm/core/ports/store";
import type { TemplateField } from "@mini-crm/core/template/fields";
import { cappedAmong } from "./admission.ts";
import { inAudience, lastLeadOf, unreachableBecause } from "./audience.ts";
import type { LeadDocument } from "./documents.ts";
import { leadProjection, partOfLead } from "./lead-documents.ts";
import type { Tables } from "./tables.ts";

type WindowRequest = Parameters<PreflightStore["window"]>[0];

const KEPT_MS = 86_400_000;

export async function keepPreflight(tables: Tables, preflight: Preflight): Promise<void> {
  const { token, campaign_id, at } = preflight;
  await tables.preflight.remove({ at: { $lt: at - KEPT_MS } });
  await tables.preflight.insert([{ _id: token, campaign_id, at, shown: preflight }]);
}

export async function readPreflight(tables: Tables, token: string): Promise<Preflight | null> {
  return (await tables.preflight.one({ _id: token }))?.shown ?? null;
}

export async function preflightWindow(
  tables: Tables,
  { frozen, campaign_id, frequency_cap, after, leadsPerWindow }: WindowRequest,
): Promise<{ leads: SurveyedLead[]; next: string | null }> {
  const next = await lastLeadOf(tables, after ?? "", frozen.cutoff, leadsPerWindow);
  const fields: TemplateField[] = ["name", ...frozen.fields];
  const found = await tables.lead.find(
    { ...inAudience(frozen), _id: { $gt: after ?? "", $lte: next ?? AFTER_ALL_LEADS } },
    { sort: { _id: 1 }, hint: { _id: 1 }, projection: { ...leadProjection([...fields, "phones"]), shares_phone: 1 } },
  );
  const ids = found.map(({ _id }) => _id);
  const leads = found.map((lead) => surveyed(lead, fields));
  markRemoved(leads, {
    duplicates: await duplicatesAmong(tables, frozen, found),
    capped: await cappedAmong(tables, campaign_id, frequency_cap, ids, frozen.cutoff),
  });
  return { leads, next };
}

function surveyed(found: LeadDocument, fields: readonly TemplateField[]): SurveyedLead {
  const lead = partOfLead(found);
  return {
    lead_id: found._id,
    phone: found.phones[0] ?? null,
    removal: unreachableBecause(found),
    lead: fields.includes("phones") ? lead : { ...lead, phones: [] },
  };
}

/** Those before whom somebody else in the audience is written to at their number: what the expansion finds in its messages. */
async function duplicatesAmong(tables: Tables, frozen: FrozenRun, leads: readonly LeadDocument[]): Promise<Set<string>> {
  const sharing = leads.filter(({ shares_phone }) => shares_phone);
  const phones = new Set(sharing.flatMap((lead) => lead.phones.slice(0, 1)));
  if (phones.size === 0) return new Set();
  const firsts = await tables.lead.aggregate<{ _id: string; first: string }>([
    { $match: { phones: { $in: [...phones] } } },
    { $match: { ...inAudience(frozen), "consent.state": { $ne: "opted_out" } } },
    { $group: { _id: { $arrayElemAt: ["$phones", 0] }, first: { $min: "$_id" } } },
  ]);
  const firstWith = new Map(firsts.map(({ _id, first }) => [_id, first]));
  const isDuplicate = ({ _id, phones: [phone = ""] }: LeadDocument) => (firstWith.get(phone) ?? _id) < _id;
  return new Set(sharing.filter(isDuplicate).map(({ _id }) => _id));
}
