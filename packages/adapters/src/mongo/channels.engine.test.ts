/** Proves what channels keep where transactions run side by side, and where taking one away dies in the middle. */
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { channel, draft, NOW } from "@mini-crm/core/contracts/samples";
import * as world from "@mini-crm/core/contracts/store/world";
import { plainText } from "@mini-crm/core/message/content";
import type { ClaimedMessage } from "@mini-crm/core/ports/store";
import { afterAll, beforeEach, expect, test } from "vitest";
import { admit } from "./admission.ts";
import { removeChannel } from "./channels.ts";
import type { MongoDatabase } from "./database.ts";
import { hear } from "./inbound.ts";
import { writeEntries } from "./sessions.ts";
import { replaceTemplates } from "./templates.ts";
import { openTemporaryMongo } from "./temporary.ts";

const { store, database, empty, overtaken, close } = await openTemporaryMongo();
beforeEach(empty);
afterAll(close);

const PHONE = "+4930901820";
const THREE_A_DAY = { ...NO_LIMITS, recipientsPerDay: 3 };

function admission(messages: readonly ClaimedMessage[], worker: string) {
  const asking = messages.map(({ _id, attempt, phone }) => ({ _id, attempt, phone: phone ?? "", text: "Hi" }));
  return { channel_id: "default", worker, messages: asking, limits: THREE_A_DAY, now: NOW };
}

test("two that admit at once write to no more people than a day allows together", async () => {
  const campaign = await world.running(store, 4);
  await world.expandAll(store, campaign);
  const mine = await world.claimed(store, campaign, { max: 2 });
  const others = await world.claimed(store, campaign, { max: 2, worker: "w2" });
  const { admitted } = await overtaken(
    () => store.messages.admit(admission(others, "w2")),
    (tables) => admit(tables, admission(mine, "w1")),
  );
  expect(admitted).toHaveLength(1);
  expect((await store.contacts.recipientUse("default", NOW)).recipients).toBe(3);
});

test("one that admits while somebody else is sent a reply leaves room for it", async () => {
  const campaign = await world.running(store, 3);
  await world.expandAll(store, campaign);
  const messages = await world.claimed(store, campaign);
  const _id = "d".repeat(24);
  const reply = { _id, campaign_id: null, channel_id: "default", lead_id: "a".repeat(24), phone: PHONE, variant: null };
  const told = { content: plainText("Hi"), status: "PENDING", code: null, reason: null, provider_id: null } as const;
  const times = { created_at: NOW, sending_at: null, sent_at: null, delivered_at: null, read_at: null };
  await store.carryOut([{ step: "write", input: { messages: [{ ...reply, ...told, ...times }] } }]);
  const { admitted } = await overtaken(
    () => store.direct.claim({ _id, worker: "w2", limits: THREE_A_DAY, leaseMs: world.LEASE_MS, now: NOW }),
    (tables) => admit(tables, admission(messages, "w1")),
  );
  expect(admitted).toHaveLength(2);
});

test("a process that loses a session while it writes has written nothing", async () => {
  const lease = { channel_id: "web", wants: false, leaseMs: world.LEASE_MS };
  await store.sessions.hold({ ...lease, owner: "w1", now: NOW });
  const late = await overtaken(
    () => store.sessions.hold({ ...lease, owner: "w2", now: NOW + world.LEASE_MS }),
    // By a clock that is behind.
    (tables) => writeEntries(tables, { channel_id: "web", owner: "w1", entries: { creds: "old" }, now: NOW + 1 }),
  );
  expect(late).toBe(false);
  expect(await store.sessions.read("web", ["creds"])).toEqual({});
});

test("two that hear from the same stranger at once make one lead, and both texts are theirs", async () => {
  await store.channels.create(channel({ creates_leads: true }));
  const texts = ["Hello", "Hello again"].map((text) => world.inbound(text, { channel_id: "shop", from: PHONE }));
  const [first, second] = texts.map((text) => ({ texts: [text], now: NOW }));
  if (first === undefined || second === undefined) throw new Error("Two were expected");
  await overtaken(
    () => store.carryOut([{ step: "hear", input: first }]),
    (tables) => hear(tables, () => "b".repeat(24), second),
  );
  const { items } = await store.leads.list({
    page: 1,
    limit: 10,
    rule: null,
    sort: { by: "created_at", direction: "asc" },
    now: NOW,
  });
  expect(items).toHaveLength(1);
  expect(await store.inbound.ofLead(items[0]?._id ?? "", 10)).toHaveLength(2);
});

test("of two that look up templates at once, what the later one found stays", async () => {
  const templates = ["a", "b"].map((name) => world.whatsAppTemplate({ name }));
  await overtaken(
    () => store.templates.replace("shop", templates.slice(0, 1)),
    (tables) => replaceTemplates(tables, "shop", templates.slice(1)),
  );
  expect(await store.templates.ofChannel("shop")).toEqual(templates.slice(1));
});

test("taking a channel away that dies in the middle leaves the channel, and the next one goes on with it", async () => {
  await store.channels.create(channel());
  const text = world.inbound("Hi", { channel_id: "shop" });
  await world.hear(store, [text]);
  const dies: MongoDatabase = { ...database, transaction: () => Promise.reject(new Error("The process has died")) };
  await expect(removeChannel(dies, "shop")).rejects.toThrow("The process has died");
  expect(await store.channels.read("shop")).toEqual(channel());
  expect(await store.channels.remove("shop")).toEqual({ kind: "removed" });
  expect(await store.contacts.lastTexts("shop", [text.from])).toEqual({});
});

test("a channel that is needed again while it is taken away stays", async () => {
  await store.channels.create(channel());
  const campaign = draft({ channel_id: "shop" });
  const write: MongoDatabase["write"] = async (work) => {
    await store.campaigns.create(campaign);
    return database.write(work);
  };
  expect(await removeChannel({ ...database, write }, "shop")).toEqual({ kind: "in_use", campaigns: [campaign._id] });
  expect(await store.channels.read("shop")).not.toBeNull();
});
