/** MongoDB finds the leads that a rule means. It needs no transactions here: any server that speaks its protocol will do. */
import { randomBytes } from "node:crypto";
import { describeRuleMeaning } from "@mini-crm/core/contracts/rule-meaning";
import { MongoClient } from "mongodb";
import { afterAll } from "vitest";
import { compileRule } from "./compile-rule.ts";
import type { LeadDocument } from "./documents.ts";
import { leadDocument } from "./lead-documents.ts";

const server = process.env["MONGODB_URL"];
if (server === undefined) throw new Error("MONGODB_URL names no server: run `npm run test:engines`, which starts one.");
const client = await MongoClient.connect(server);
const db = client.db(`mini_crm_test_${randomBytes(6).toString("hex")}`);
const leads = db.collection<LeadDocument>("lead");

afterAll(async () => {
  await db.dropDatabase();
  await client.close();
});

describeRuleMeaning("MongoDB", async (sample, rules, now) => {
  await leads.deleteMany({});
  await leads.insertMany(sample.map(leadDocument));
  const found: string[][] = [];
  for (const rule of rules) {
    const matching = await leads.find(compileRule(rule, now), { projection: { _id: 1 } }).toArray();
    found.push(matching.map(({ _id }) => _id));
  }
  return found;
});
