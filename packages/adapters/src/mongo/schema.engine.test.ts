/** Proves on a real server how a database gets to this program's schema, from wherever it is. */

import { NO_CONTENT } from "@mini-crm/core/campaign/earlier-versions";
import { NO_OPTIONS } from "@mini-crm/core/campaign/options";
import { defaultChannel } from "@mini-crm/core/channel/channel";
import { draft, NOW } from "@mini-crm/core/contracts/samples";
import { type Content, plainText } from "@mini-crm/core/message/content";
import { MongoClient } from "mongodb";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../system-clock/system-clock.ts";
import { openMongo } from "./database.ts";
import { foreignVersion, migrate, versionOf } from "./schema.ts";
import { mongoStore } from "./store.ts";
import { TABLE_NAMES } from "./tables.ts";
import { temporaryUrl } from "./temporary.ts";

let url: string;
let client: MongoClient;
beforeEach(() => {
  url = temporaryUrl();
  client = new MongoClient(url);
});
afterEach(async () => {
  await client.db().dropDatabase();
  await client.close();
});

async function namesIn(): Promise<string[]> {
  return (await client.db().collections()).map(({ collectionName }) => collectionName).sort();
}

const JOB = { topic: "campaign.jobs", key: "c", value: { version: 1, campaign_id: "c", after: null } };
const WAITS = "d".repeat(24);

/** A campaign that runs, a test of its text that was sent, and one that waits, as version 1 has them. */
async function storeVersionOne() {
  await migrate(client.db(), 1);
  const { media, buttons, template, ...options } = NO_OPTIONS;
  const frozen = { rule: { op: "AND", children: [] }, variants: [], fields: [], cutoff: NOW };
  const { counts, last_sent_at, ...fields } = draft();
  const campaign = { ...fields, options, frozen, status: "RUNNING", noted: null };
  const sent = { campaign_id: campaign._id, channel_id: "default", lead_id: "b".repeat(24), phone: "+4930901820", variant: "A" };
  const times = { created_at: NOW, sending_at: NOW, sent_at: NOW, delivered_at: NOW + 1, read_at: null };
  const told = { status: "DELIVERED", code: null, reason: null, provider_id: "wamid.1", worker: "w1", lease_until: null };
  const tested = { ...sent, text: "Hi!", ...told, ...times };
  const waits = { status: "PENDING", worker: null, sending_at: null, sent_at: null, delivered_at: null, provider_id: null };
  const tests = [
    { _id: "c".repeat(24), ...tested },
    { _id: WAITS, ...tested, ...waits },
  ];
  await client.db().collection<{ _id: string }>("campaign").insertOne(campaign);
  await client.db().collection<{ _id: string }>("test_message").insertMany(tests);
  const look = { topic: "campaign.tests", key: "default", value: { version: 1, test_id: WAITS, channel_id: "default" } };
  await client
    .db()
    .collection("outbox")
    .insertMany([{ events: [JOB, look] }, { events: [look] }]);
  return { campaign, tests };
}

test("a new database gets just the collections that there are, and the default channel", async () => {
  const database = await openMongo(url);
  expect(await namesIn()).toEqual([...TABLE_NAMES].sort());
  const store = mongoStore(database, systemClock());
  const [channel, ...others] = await store.channels.list();
  expect({ channel, others }).toEqual({ channel: defaultChannel(channel?.created_at ?? 0), others: [] });
  await store.close();
});

test("what version 1 has stored is read as it would be written now", async () => {
  const { campaign, tests } = await storeVersionOne();
  expect(await foreignVersion(client.db())).toContain("older version");
  const store = mongoStore(await openMongo(url), systemClock());
  expect(await foreignVersion(client.db())).toBeNull();
  expect(await namesIn()).toEqual([...TABLE_NAMES].sort());
  const looks = [{ topic: "message.direct", key: "default", value: { version: 1, direct_id: WAITS, channel_id: "default" } }];
  expect((await store.outbox.unpublished(10)).map(({ events }) => events)).toEqual([[JOB], looks]);
  const { items, total } = await store.direct.ofCampaign(campaign._id, { page: 1, limit: 10 });
  const shown = tests.map(({ text, worker, lease_until, ...fields }) => ({ ...fields, content: plainText(text) }));
  expect({ items, total }).toEqual({ items: shown.toReversed(), total: 2 });
  const known = await store.campaigns.read(campaign._id);
  expect(known).toMatchObject({ options: NO_OPTIONS, frozen: { content: NO_CONTENT, cutoff: NOW } });
  await store.close();
});

test("an upgrade that died in the middle, or that two carry out at once, loses nothing and doubles nothing", async () => {
  const { tests } = await storeVersionOne();
  const [first] = tests;
  if (first === undefined) throw new Error("One was expected");
  const { text, ...fields } = first;
  const direct = client.db().collection<{ _id: string; status: string; content: Content }>("direct_message");
  await direct.insertOne({ ...fields, content: plainText(text), status: "READ" });
  await Promise.all([migrate(client.db()), migrate(client.db())]);
  const moved = await direct.find({}, { sort: { _id: 1 }, projection: { status: 1, content: 1, text: 1 } }).toArray();
  expect(moved).toEqual([
    { _id: first._id, status: "READ", content: plainText("Hi!") },
    { _id: WAITS, status: "PENDING", content: plainText("Hi!") },
  ]);
  expect(await namesIn()).not.toContain("test_message");
});

test("a database that is of this version stays as it is, with what was changed of the default channel", async () => {
  const store = mongoStore(await openMongo(url), systemClock());
  await store.channels.change("default", { name: "Shop" }, NOW, null);
  await store.close();
  const version = await versionOf(client.db());
  const again = mongoStore(await openMongo(url), systemClock());
  expect(await again.channels.read("default")).toMatchObject({ name: "Shop" });
  expect(await versionOf(client.db())).toBe(version);
  await again.close();
});

test("a database of a newer version is refused", async () => {
  await client.db().collection<{ _id: string; version: number }>("schema").insertOne({ _id: "schema", version: 999 });
  await expect(openMongo(url)).rejects.toThrow("newer version of Mini CRM");
});
