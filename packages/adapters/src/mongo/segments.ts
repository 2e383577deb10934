/** Owns the verbs on segments, and what a rule selects: its count, a sample, and how MongoDB carries it out. */
import type { Instant } from "@mini-crm/core/instant";
import type { Lead } from "@mini-crm/core/lead/lead";
import type { Page, PageRequest, RulePlan, SegmentStore } from "@mini-crm/core/ports/store";
import type { Rule } from "@mini-crm/core/segment/rule";
import type { Segment } from "@mini-crm/core/segment/segment";
import { compileRule } from "./compile-rule.ts";
import { leadOf } from "./lead-documents.ts";
import { planSteps } from "./plan.ts";
import { ruleAsMongoQuery } from "./rule-query.ts";
import type { Tables } from "./tables.ts";

export function createSegment(tables: Tables, segment: Segment): Promise<void> {
  return tables.segment.insert([segment]);
}

export function readSegment(tables: Tables, id: string): Promise<Segment | null> {
  return tables.segment.one({ _id: id });
}

export function changeSegment(
  tables: Tables,
  id: string,
  fields: Parameters<SegmentStore["change"]>[1],
  now: Instant,
): Promise<Segment | null> {
  return tables.segment.change({ _id: id }, { $set: { ...fields, updated_at: now } });
}

export async function removeSegment(tables: Tables, id: string): ReturnType<SegmentStore["remove"]> {
  const users = await tables.campaign.find(
    { segment_id: id, status: { $in: ["DRAFT", "SCHEDULED", "RUNNING", "PAUSED"] } },
    { projection: { _id: 1 }, sort: { _id: 1 }, limit: 100 },
  );
  if (users.length > 0) return { kind: "in_use", campaigns: users.map(({ _id }) => _id) };
  return (await tables.segment.remove({ _id: id })) === 1 ? { kind: "removed" } : { kind: "not_found" };
}

export async function listSegments(tables: Tables, { page, limit }: PageRequest): Promise<Page<Segment>> {
  return {
    items: await tables.segment.find({}, { sort: { _id: -1 }, skip: (page - 1) * limit, limit }),
    total: await tables.segment.count({}),
  };
}

export function countMatches(tables: Tables, rule: Rule, now: Instant): Promise<number> {
  return tables.lead.count(compileRule(rule, now));
}

export async function sampleMatches(tables: Tables, rule: Rule, limit: number, now: Instant): Promise<Lead[]> {
  return (await tables.lead.find(compileRule(rule, now), { sort: { _id: 1 }, limit })).map(leadOf);
}

export async function explainRule(tables: Tables, rule: Rule, now: Instant): Promise<RulePlan> {
  // What the driver's `countDocuments` sends.
  const explained = await tables.lead.explain([{ $match: compileRule(rule, now) }, { $group: { _id: 1, n: { $sum: 1 } } }]);
  const query = `db.lead.countDocuments(${JSON.stringify(ruleAsMongoQuery(rule, now))})`;
  return { engine: "mongodb", query, plan: planSteps(explained) };
}
