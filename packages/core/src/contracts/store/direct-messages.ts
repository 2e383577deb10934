/** Owns the contract of messages to one person, tests and replies: each goes out once, under the channel's rate, and is in no figure. */
import { expect, test } from "vitest";
import { type Campaign, ledgerOf } from "../../campaign/campaign.ts";
import { NO_LIMITS } from "../../channel/limits.ts";
import { plainText } from "../../message/content.ts";
import type { DirectMessage } from "../../message/direct-message.ts";
import type { SendOutcome } from "../../message/outcome.ts";
import type { Store } from "../../ports/store.ts";
import { importLeads, NOW, newId } from "../samples.ts";
import { claimFrom, expandAll, fold, LEASE_MS, receipt, recoverAt, running, SENT, THREE_A_MINUTE } from "./world.ts";

const PHONE = "+4930901820";

async function queued(store: Store, count = 1, leads = 0): Promise<{ campaign: Campaign; tests: DirectMessage[] }> {
  const campaign = await running(store, leads);
  const tests = Array.from({ length: count }, () => direct({ campaign_id: campaign._id, variant: "A" }));
  await write(store, tests);
  return { campaign, tests };
}

/** A reply, where nothing else is said. */
function direct(fields: Partial<DirectMessage> = {}): DirectMessage {
  return {
    _id: newId(),
    campaign_id: null,
    channel_id: "default",
    lead_id: newId(),
    phone: PHONE,
    variant: null,
    content: plainText("Hi!"),
    status: "PENDING",
    code: null,
    reason: null,
    provider_id: null,
    created_at: NOW,
    sending_at: null,
    sent_at: null,
    delivered_at: null,
    read_at: null,
    ...fields,
  };
}

async function write(store: Store, messages: readonly DirectMessage[]): Promise<void> {
  const { raised, results } = await store.carryOut([{ step: "write", input: { messages } }]);
  expect(results).toEqual([{ queued: messages.length }]);
  expect(raised.map(({ topic, key, value }) => [topic, key, value])).toEqual(
    messages.map(({ _id, channel_id }) => ["message.direct", channel_id, { version: 1, direct_id: _id, channel_id }]),
  );
}

function claim(store: Store, _id: string, { worker = "w1", limits = THREE_A_MINUTE, now = NOW } = {}) {
  return store.direct.claim({ _id, worker, limits, leaseMs: LEASE_MS, now });
}

function record(store: Store, _id: string, outcome: SendOutcome, worker = "w1") {
  return store.direct.record({ _id, worker, outcome, now: NOW + 1 });
}

/** Somebody who has the number, among others, wants no messages. */
async function optOut(store: Store): Promise<void> {
  const consent = { state: "opted_out", source: "STOP", at: NOW } as const;
  await importLeads(store, [{ name: "Stopped", phones: ["+4930901821", PHONE], consent }]);
}

async function one(
  store: Store,
): Promise<{ campaign: Campaign; test: DirectMessage; read: () => Promise<DirectMessage | undefined> }> {
  const { campaign, tests } = await queued(store);
  const [known] = tests;
  if (known === undefined) throw new Error("One was expected");
  const read = async () => (await store.direct.ofCampaign(campaign._id, { page: 1, limit: 1 })).items[0];
  return { campaign, test: known, read };
}

export function describeDirectMessages(store: () => Store): void {
  test("a test is claimed once, and what came of it is written down", async () => {
    const { test: known, read } = await one(store());
    const claims = await Promise.all(["w1", "w2", "w3"].map((worker) => claim(store(), known._id, { worker })));
    expect(claims.map(({ kind }) => kind).sort()).toEqual(["claimed", "nothing", "nothing"]);
    const winner = `w${claims.findIndex(({ kind }) => kind === "claimed") + 1}`;
    await record(store(), known._id, { kind: "uncertain", code: "x", reason: "x" }, "another");
    expect(await read()).toMatchObject({ status: "SENDING", sending_at: NOW, content: plainText("Hi!") });
    await record(store(), known._id, SENT, winner);
    expect(await read()).toMatchObject({ status: "SENT", sent_at: NOW + 1, provider_id: "wamid.1" });
    expect(await claim(store(), known._id)).toEqual({ kind: "nothing" });
  });

  test("tests take of the channel's rate, and are in no figure of their campaign", async () => {
    const { campaign, tests } = await queued(store(), 4, 2);
    await expandAll(store(), campaign);
    const kinds = [];
    for (const { _id } of tests) kinds.push((await claim(store(), _id)).kind);
    expect(kinds).toEqual(["claimed", "claimed", "claimed", "limited"]);
    expect(await claimFrom(store(), campaign, { limits: THREE_A_MINUTE })).toMatchObject({ kind: "limited", by: "rate" });
    await record(store(), tests[0]?._id ?? "", SENT);
    await fold(store(), [receipt({ _id: tests[0]?._id ?? "" }, "READ")]);
    expect(await store().messages.sentSince(campaign._id, NOW - 60_000)).toBe(0);
    const known = await store().campaigns.read(campaign._id);
    expect(known !== null && ledgerOf(known)).toMatchObject({ audience: 2, sent: 0, read: 0, pending: 2 });
    expect((await store().messages.audit(campaign._id)).rows).toMatchObject([{ status: "PENDING", messages: 2 }]);
  });

  test("a test whose worker went silent is uncertain, is never sent again, and a receipt settles it", async () => {
    const { test: known, read } = await one(store());
    await claim(store(), known._id);
    await store().carryOut([recoverAt(NOW + LEASE_MS - 1)]);
    expect(await read()).toMatchObject({ status: "SENDING" });
    await store().carryOut([recoverAt(NOW + LEASE_MS)]);
    expect(await read()).toMatchObject({ status: "UNCERTAIN", code: "lease_expired" });
    expect(await claim(store(), known._id, { now: NOW + 2 * LEASE_MS })).toEqual({ kind: "nothing" });
    await fold(store(), [receipt(known, "DELIVERED", NOW + 7)]);
    expect(await read()).toMatchObject({ status: "DELIVERED", delivered_at: NOW + 7, code: null, reason: null });
  });

  test("what a dead process was sending is uncertain at once", async () => {
    const { test: known, read } = await one(store());
    await claim(store(), known._id);
    await store().processes.died("w1", NOW + 1);
    await store().carryOut([recoverAt(NOW + 1)]);
    expect(await read()).toMatchObject({ status: "UNCERTAIN" });
  });

  test("receipts move a test only forward, also where they come before the answer", async () => {
    const { test: known, read } = await one(store());
    await claim(store(), known._id);
    await fold(store(), [receipt(known, "READ", NOW + 5), receipt(known, "DELIVERED", NOW + 6), receipt(known, "FAILED")]);
    await record(store(), known._id, SENT);
    await store().carryOut([recoverAt(NOW + 2 * LEASE_MS)]);
    expect(await read()).toMatchObject({ status: "READ", read_at: NOW + 5, delivered_at: NOW + 5, sent_at: NOW + 1, code: null });
  });

  test("a try that nobody was asked for leaves the test to be sent", async () => {
    const { test: known, read } = await one(store());
    await claim(store(), known._id);
    await record(store(), known._id, { kind: "released" });
    expect(await read()).toMatchObject({ status: "PENDING", sending_at: null });
    expect((await claim(store(), known._id)).kind).toBe("claimed");
    await record(store(), known._id, { kind: "failed", code: "131026", reason: "Not on WhatsApp" });
    expect(await read()).toMatchObject({ status: "FAILED", code: "131026", reason: "Not on WhatsApp" });
  });

  test("who has opted out in the meantime is sent no test", async () => {
    const { test: known, read } = await one(store());
    await optOut(store());
    expect(await claim(store(), known._id)).toEqual({ kind: "nothing" });
    expect(await read()).toMatchObject({ status: "SKIPPED", code: "opted_out" });
  });

  test("tests are listed newest first, and go with their campaign", async () => {
    const { campaign, tests } = await queued(store(), 3);
    await store().carryOut([{ step: "expand", input: { campaign_id: campaign._id, after: null, leadsPerWindow: 10, now: NOW } }]);
    const page = await store().direct.ofCampaign(campaign._id, { page: 1, limit: 2 });
    expect([page.total, page.items.map(({ _id }) => _id)]).toEqual([3, [tests[2]?._id, tests[1]?._id]]);
    expect(await store().campaigns.remove(campaign._id)).toEqual({ kind: "removed" });
    expect((await store().direct.ofCampaign(campaign._id, { page: 1, limit: 2 })).total).toBe(0);
  });

  describeReplies(store);
}

function describeReplies(store: () => Store): void {
  const replied = async (leadId: string, limit = 10) => store().direct.ofLead(leadId, limit);

  test("a reply is kept with all that it says, goes out, and is the lead's alone", async () => {
    const [leadId, other] = [newId(), newId()];
    const link = "https://example.com/a.pdf";
    const media = { kind: "document", link, filename: "a.pdf" } as const;
    const template = { name: "offer", language: "de", parameters: [{ name: null, text: "Zoë" }] };
    const reply = direct({ lead_id: leadId, content: { text: "Hi!", media, buttons: ["Yes", "No"], template } });
    await write(store(), [reply, direct({ lead_id: other })]);
    expect(await replied(leadId)).toEqual([reply]);
    const sending = { ...reply, status: "SENDING", sending_at: NOW };
    expect(await claim(store(), reply._id)).toEqual({ kind: "claimed", message: sending });
    await record(store(), reply._id, SENT);
    await fold(store(), [receipt(reply, "READ", NOW + 5)]);
    const shown = await replied(leadId);
    expect(shown).toMatchObject([{ status: "READ", provider_id: "wamid.1", sent_at: NOW + 1, read_at: NOW + 5 }]);
    expect(shown[0]?.content).toEqual(reply.content);
  });

  test("the replies to a lead are listed newest first, without tests that show their data", async () => {
    const leadId = newId();
    const replies = [1, 2, 3].map(() => direct({ lead_id: leadId }));
    const shown = direct({ lead_id: leadId, campaign_id: newId(), variant: "A" });
    await write(store(), [...replies, shown]);
    expect((await replied(leadId, 2)).map(({ _id }) => _id)).toEqual([replies[2]?._id, replies[1]?._id]);
    expect(await replied(leadId)).toHaveLength(3);
  });

  test("a reply goes to somebody who has opted out: they have just written", async () => {
    const reply = direct();
    await write(store(), [reply]);
    await optOut(store());
    expect((await claim(store(), reply._id)).kind).toBe("claimed");
  });

  test("who is sent a message is a recipient of the day, where the channel's limits look at that", async () => {
    const [noted, unnoted] = [direct(), direct({ phone: "+4930901829" })];
    await write(store(), [noted, unnoted]);
    const recipients = async () => (await store().contacts.recipientUse("default", NOW)).recipients;
    await claim(store(), unnoted._id, { limits: NO_LIMITS });
    expect(await recipients()).toBe(0);
    await claim(store(), noted._id, { limits: { ...NO_LIMITS, recipientsPerDay: 1 } });
    expect(await recipients()).toBe(1);
    const campaign = await running(store(), 1);
    await expandAll(store(), campaign);
    const limited = { kind: "limited", by: "recipients" };
    expect(await claimFrom(store(), campaign, { limits: { ...NO_LIMITS, recipientsPerDay: 1 } })).toMatchObject(limited);
  });

  test("a message to somebody who has just had one waits for the pause between two", async () => {
    const [first, second] = [direct(), direct()];
    await write(store(), [first, second]);
    const limits = { ...NO_LIMITS, pairMs: 6_000 };
    expect(await claim(store(), first._id, { limits })).toMatchObject({ kind: "claimed" });
    expect(await claim(store(), second._id, { limits, now: NOW + 1_000 })).toEqual({ kind: "limited", until: NOW + 6_000 });
    expect(await claim(store(), second._id, { limits, now: NOW + 6_000 })).toMatchObject({ kind: "claimed" });
  });

  test("a reply that waits for the rate can be claimed when there is room again", async () => {
    const replies = [1, 2, 3, 4].map(() => direct());
    await write(store(), replies);
    for (const { _id } of replies.slice(0, 3)) await claim(store(), _id);
    const last = replies[3]?._id ?? "";
    expect(await claim(store(), last)).toEqual({ kind: "limited", until: NOW + 60_000 });
    expect((await claim(store(), last, { now: NOW + 60_000 })).kind).toBe("claimed");
  });
}
