/** MongoDB finds what is asked for by its indexes: told by the server's own plans for what the verbs send. */
import type { SendingLimits } from "@mini-crm/core/channel/limits";
import { channel, importLeads, leadInputs, NOW } from "@mini-crm/core/contracts/samples";
import {
  admit,
  claimed,
  expandAll,
  hear,
  inbound,
  receipt,
  record,
  recoverAt,
  running,
  SENT,
} from "@mini-crm/core/contracts/store/world";
import type { Comparison, Rule } from "@mini-crm/core/segment/rule";
import type { Document } from "mongodb";
import { afterAll, describe, expect, test } from "vitest";
import { systemClock } from "../system-clock/system-clock.ts";
import { openMongo } from "./database.ts";
import { planSteps } from "./plan.ts";
import { mongoStore } from "./store.ts";
import type { TableName } from "./tables.ts";
import { temporaryUrl } from "./temporary.ts";

const url = new URL(temporaryUrl());
url.searchParams.set("monitorCommands", "true");
const database = await openMongo(url.href);
const store = mongoStore(database, systemClock());
afterAll(async () => {
  await database.db.dropDatabase();
  await store.close();
});

const LEADS = 200;
await importLeads(store, leadInputs(LEADS));

/** The stand-ins for MongoDB plan with one condition at a time; what takes a real planner is asserted where there is one. */
const isStandIn = "secantusVersion" in (await database.db.command({ buildInfo: 1 }));

function comparison(value: string, operator: string, literal: unknown): Rule {
  return {
    type: "comparison",
    operator,
    left: { type: "field", value },
    right: { type: "literal", value: literal },
  } as Comparison;
}

describe("a segment is counted by an index", () => {
  const rich: Rule = { op: "AND", children: [comparison("total_spend", ">", 2000), comparison("visits", ">=", 10)] };
  const simple: [string, Rule][] = [
    ["phones_1", comparison("phones", "==", "+14155550001")],
    ["emails_1", comparison("emails", "IN", ["lead1@example.com", "lead2@example.com"])],
    ["tags_1", comparison("tags", "==", "vip")],
    ["total_spend_1__id_1_visits_1", comparison("total_spend", ">", 1000)],
    ["visits_1__id_1", comparison("visits", "BETWEEN", [1, 5])],
    ["last_order_at_1__id_1", comparison("last_order_at", "WITHIN_LAST", "30d")],
    ["external_id_1", comparison("external_id", "==", "x-1")],
  ];
  const combined: [string, Rule][] = [
    ["total_spend_1__id_1_visits_1", rich],
    ["emails_1", { op: "OR", children: [rich, comparison("emails", "IN", ["john.doe@example.com"])] }],
    ["phones_1", comparison("phones", "STARTS_WITH", "+49")],
    ["metadata.$**_1", comparison("metadata.tier", "==", "gold")],
  ];

  test.each(isStandIn ? simple : [...simple, ...combined])("%s for %j", async (index, rule) => {
    const { engine, query, plan } = await store.segments.explain(rule, NOW);
    expect(engine).toBe("mongodb");
    expect(query).toMatch(/^db\.lead\.countDocuments\(\{/);
    expect(plan.join("\n")).toContain(`IXSCAN ${index}`);
    expect(plan.join("\n")).not.toContain("COLLSCAN");
  });
});

/** A question to the server, as `find` or `aggregate` is told it. */
interface Question {
  collection: string;
  command: Document;
  filter: Document;
  sort: string[];
}

/** What the server is asked for while `work` runs: by its fields, each question once. */
async function questionsIn(work: () => Promise<unknown>): Promise<Question[]> {
  const questions = new Map<string, Question>();
  const note = ({ command }: { command: Document }): void => {
    const asked = questionOf(command);
    if (asked !== null)
      questions.set(JSON.stringify([asked.collection, Object.keys(asked.filter), asked.sort, asked.command["hint"]]), asked);
  };
  database.db.client.on("commandStarted", note);
  await work();
  database.db.client.off("commandStarted", note);
  return [...questions.values()];
}

/** Writes are taken for the search of what they change: of many at once, which are alike, for the first one's. */
function questionOf(command: Document): Question | null {
  const { find, aggregate, update, findAndModify, pipeline, hint, limit = 0, skip = 0 } = command;
  const collection: unknown = find ?? aggregate ?? update ?? findAndModify ?? command["delete"];
  if (typeof collection !== "string") return null;
  const [change] = command["updates"] ?? command["deletes"] ?? [];
  const filter: Document = command["filter"] ?? command["query"] ?? change?.q ?? pipeline?.[0]?.$match ?? {};
  const sort = command["sort"] ?? {};
  const asFind = { find: collection, filter, sort, limit, skip, ...(hint === undefined ? {} : { hint }) };
  const asked = aggregate === undefined ? asFind : { aggregate, pipeline, cursor: {} };
  return { collection, command: asked, filter, sort: sort instanceof Map ? [...sort.keys()] : Object.keys(sort) };
}

/** Where there may be millions. */
const LARGE: readonly string[] = [
  "lead",
  "former_phone",
  "message",
  "message_window",
  "campaign_count",
  "claim",
  "channel_send",
  "direct_message",
  "channel_contact",
  "channel_session_entry",
  "inbound_message",
  "activity",
] satisfies TableName[];

/** The questions, with their plans, that the server answers by going through a whole collection. */
async function scansAmong(questions: readonly Question[]): Promise<string[]> {
  const scans: string[] = [];
  for (const { collection, command, filter, sort } of questions) {
    if (!LARGE.includes(collection)) continue;
    const plan = planSteps(await database.db.command({ explain: command, verbosity: "queryPlanner" }));
    if (!plan.includes("COLLSCAN")) continue;
    const indexes = await database.db.collection(collection).indexes();
    const [first] = sort;
    const asked = new Set([...Object.keys(filter), ...(first === undefined ? [] : [first])]);
    const couldGoByIndex = indexes.some(({ key }) => asked.has(Object.keys(key)[0] ?? ""));
    if (!isStandIn || !couldGoByIndex) scans.push(`${collection} ${JSON.stringify([filter, sort])}: ${plan.join(", ")}`);
  }
  return scans;
}

/** All that there are, so that all is looked up that ever is. */
const LIMITS: SendingLimits = { rate: { messages: 100, windowMs: 60_000 }, recipientsPerDay: 100, pairMs: 6_000 };

test("no verb goes through a whole collection on the way of a message", async () => {
  const questions = await questionsIn(async () => {
    const campaign = await running(store, 0);
    await expandAll(store, campaign, 50);
    const messages = await claimed(store, campaign, { limits: LIMITS });
    const [sent, failed] = messages;
    if (sent === undefined || failed === undefined) throw new Error("Nothing was claimed");
    await admit(store, messages, { limits: LIMITS });
    await record(store, sent, SENT);
    await record(store, failed, { kind: "failed", code: "131026", reason: "No such number" });
    const receipts = [receipt(sent, "DELIVERED")];
    await store.carryOut([{ step: "fold", input: { receipts, campaigns: [], now: NOW, receiptWindowMs: 60_000 } }]);
    await store.carryOut([recoverAt(NOW + 120_000)]);
    await lookAtMessages(campaign._id, sent);
  });
  expect(questions.length).toBeGreaterThan(30);
  expect(await scansAmong(questions)).toEqual([]);
});

async function lookAtMessages(campaignId: string, { lead_id }: { lead_id: string }): Promise<void> {
  for (const status of [null, "SENT", "FAILED", "PENDING"] as const) {
    await store.messages.ofCampaign(campaignId, { page: 2, limit: 10, status, code: null });
  }
  await store.messages.audit(campaignId);
  await store.messages.counts(campaignId);
  await store.messages.ofLead(lead_id, 10);
  await store.messages.nextDue(campaignId);
  await store.messages.waiting("default");
  await store.messages.sentSince(campaignId, NOW);
  await store.messages.ahead(campaignId, NOW);
  await store.activity.after(0, 10);
}

test("leads are recognised, read, changed, listed and heard by an index", async () => {
  const questions = await questionsIn(async () => {
    await importLeads(store, [...leadInputs(20), { external_id: "x-1" }]);
    const { lead } = await store.leads.add({ external_id: "x-2", phones: ["+14155550001"] }, NOW);
    const from = { provider_id: "1", channel_id: "default", from: "+14155550001", name: null };
    await store.carryOut([{ step: "hear", input: { now: NOW, texts: [{ version: 1, ...from, text: "stop", at: NOW }] } }]);
    await store.leads.change(lead._id, { external_id: "x-3", phones: ["+14155550002"] }, NOW);
    await store.inbound.ofLead(lead._id, 10);
    await store.leads.remove(lead._id);
    for (const by of ["created_at", "total_spend", "visits", "last_order_at"] as const) {
      await store.leads.list({ page: 2, limit: 10, rule: null, sort: { by, direction: "desc" }, now: NOW });
    }
  });
  expect(questions.length).toBeGreaterThan(10);
  expect(await scansAmong(questions)).toEqual([]);
  // What asks for leads by a sign in their order could be answered in that order, through all leads: so nothing does.
  const bySign = questions.filter(({ collection, filter }) => collection === "lead" && isSign(filter));
  expect(bySign.length).toBeGreaterThanOrEqual(3);
  expect(bySign.filter(({ sort }) => sort.length > 0)).toEqual([]);
});

test("what a channel knows, and what was said to one person, is found by an index", async () => {
  const [channel_id, owner] = ["web", "w1"];
  const questions = await questionsIn(async () => {
    await store.channels.create(channel({ _id: channel_id, creates_leads: true }));
    await store.sessions.hold({ channel_id, owner, wants: false, leaseMs: 60_000, now: NOW });
    await store.sessions.write({ channel_id, owner, entries: { creds: "x", key: null }, now: NOW });
    await store.sessions.read(channel_id, ["creds", "key"]);
    await store.sessions.clear({ channel_id, owner, prefix: "k", now: NOW });
    await hear(store, [inbound("Hello", { channel_id, from: "+4930901820", user_id: "u1" })]);
    await store.contacts.lastTexts(channel_id, ["+4930901820"]);
    await store.contacts.phonesOf(channel_id, ["u1", "u2"]);
    await store.contacts.recipientUse(channel_id, NOW);
    await store.direct.claim({ _id: "d".repeat(24), worker: owner, limits: LIMITS, leaseMs: 60_000, now: NOW });
    await store.direct.ofLead("a".repeat(24), 10);
    await store.direct.ofCampaign("c".repeat(24), { page: 1, limit: 10 });
    await store.processes.died(owner, NOW);
    await store.channels.counts(channel_id);
    await store.channels.remove(channel_id);
  });
  expect(questions.length).toBeGreaterThan(20);
  expect(await scansAmong(questions)).toEqual([]);
});

function isSign(filter: Document): boolean {
  return "phones" in filter || "emails" in filter || "external_id" in filter;
}
