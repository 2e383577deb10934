/** MongoDB finds the leads that a rule means. It needs no transactions here: any server that speaks its protocol will do. */
import { describeRuleMeaning } from "@mini-crm/core/contracts/rule-meaning";
import { MongoClient } from "mongodb";
import { afterAll } from "vitest";
import { compileRule } from "./compile-rule.ts";
import type { LeadDocument } from "./documents.ts";
import { leadDocument } from "./lead-documents.ts";
import { temporaryUrl } from "./temporary.ts";

const client = await MongoClient.connect(temporaryUrl());
const db = client.db();
const leads = db.collection<LeadDocument>("lead");

afterAll(async () => {
  await db.dropDatabase();
  await client.close();
});

describeRuleMeaning("MongoDB", async (sample, rules, now) => {
  await leads.deleteMany({});
  await leads.insertMany(sample.map(leadDocument));
  return Promise.all(
    rules.map(async (rule) => {
      const matching = await leads.find(compileRule(rule, now), { projection: { _id: 1 } }).toArray();
      return matching.map(({ _id }) => _id);
    }),
  );
});
