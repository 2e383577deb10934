/** Owns the contract of test messages: each goes out once, under the channel's rate, and is in no figure of its campaign. */
import { expect, test } from "vitest";
import { type Campaign, ledgerOf } from "../../campaign/campaign.ts";
import type { SendOutcome } from "../../message/outcome.ts";
import type { TestMessage } from "../../message/test-message.ts";
import type { Store } from "../../ports/store.ts";
import { importLeads, NOW, newId } from "../samples.ts";
import { claimFrom, expandAll, fold, LEASE_MS, receipt, recoverAt, running, SENT, THREE_A_MINUTE } from "./world.ts";

const PHONE = "+4930901820";

async function queued(store: Store, count = 1, leads = 0): Promise<{ campaign: Campaign; tests: TestMessage[] }> {
  const campaign = await running(store, leads);
  const tests = Array.from({ length: count }, (): TestMessage => {
    return {
      _id: newId(),
      campaign_id: campaign._id,
      channel_id: "default",
      lead_id: newId(),
      phone: PHONE,
      variant: "A",
      text: "Hi!",
      status: "PENDING",
      code: null,
      reason: null,
      provider_id: null,
      created_at: NOW,
      sending_at: null,
      sent_at: null,
      delivered_at: null,
      read_at: null,
    };
  });
  const { raised } = await store.carryOut([{ step: "test", input: { tests } }]);
  expect(raised.map(({ topic, key, value }) => [topic, key, value])).toEqual(
    tests.map(({ _id }) => ["campaign.tests", "default", { version: 1, test_id: _id, channel_id: "default" }]),
  );
  return { campaign, tests };
}

function claim(store: Store, _id: string, { worker = "w1", rate = THREE_A_MINUTE, now = NOW } = {}) {
  return store.tests.claim({ _id, worker, rate, leaseMs: LEASE_MS, now });
}

function record(store: Store, _id: string, outcome: SendOutcome, worker = "w1") {
  return store.tests.record({ _id, worker, outcome, now: NOW + 1 });
}

async function one(
  store: Store,
): Promise<{ campaign: Campaign; test: TestMessage; read: () => Promise<TestMessage | undefined> }> {
  const { campaign, tests } = await queued(store);
  const [known] = tests;
  if (known === undefined) throw new Error("One was expected");
  const read = async () => (await store.tests.ofCampaign(campaign._id, { page: 1, limit: 1 })).items[0];
  return { campaign, test: known, read };
}

export function describeTestMessages(store: () => Store): void {
  test("a test is claimed once, and what came of it is written down", async () => {
    const { test: known, read } = await one(store());
    const claims = await Promise.all(["w1", "w2", "w3"].map((worker) => claim(store(), known._id, { worker })));
    expect(claims.map(({ kind }) => kind).sort()).toEqual(["claimed", "nothing", "nothing"]);
    const winner = `w${claims.findIndex(({ kind }) => kind === "claimed") + 1}`;
    await record(store(), known._id, { kind: "uncertain", code: "x", reason: "x" }, "another");
    expect(await read()).toMatchObject({ status: "SENDING", sending_at: NOW, text: "Hi!" });
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
    expect(await claimFrom(store(), campaign, { rate: THREE_A_MINUTE })).toEqual({ kind: "limited", until: NOW + 60_000 });
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
    const consent = { state: "opted_out", source: "STOP", at: NOW } as const;
    await importLeads(store(), [{ name: "Stopped", phones: ["+4930901821", PHONE], consent }]);
    expect(await claim(store(), known._id)).toEqual({ kind: "nothing" });
    expect(await read()).toMatchObject({ status: "SKIPPED", code: "opted_out" });
  });

  test("tests are listed newest first, and go with their campaign", async () => {
    const { campaign, tests } = await queued(store(), 3);
    await store().carryOut([{ step: "expand", input: { campaign_id: campaign._id, after: null, leadsPerWindow: 10, now: NOW } }]);
    const page = await store().tests.ofCampaign(campaign._id, { page: 1, limit: 2 });
    expect([page.total, page.items.map(({ _id }) => _id)]).toEqual([3, [tests[2]?._id, tests[1]?._id]]);
    expect(await store().campaigns.remove(campaign._id)).toEqual({ kind: "removed" });
    expect((await store().tests.ofCampaign(campaign._id, { page: 1, limit: 2 })).total).toBe(0);
  });
}
