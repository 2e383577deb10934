/** Owns the filter that the driver takes for a rule: apart from the query as text, which is shown where no driver is loaded. */
import type { Instant } from "@mini-crm/core/instant";
import type { Rule } from "@mini-crm/core/segment/rule";
import { BSON, type Filter } from "mongodb";
import type { LeadDocument } from "./documents.ts";
import { ruleAsMongoQuery } from "./rule-query.ts";

/** Compiles a rule for a query over leads, as seen at `now`. */
export function compileRule(rule: Rule, now: Instant): Filter<LeadDocument> {
  return BSON.EJSON.deserialize(ruleAsMongoQuery(rule, now)) as Filter<LeadDocument>;
}
