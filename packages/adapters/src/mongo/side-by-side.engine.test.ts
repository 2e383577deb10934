/** Proves what transactions that run side by side, each on its own moment, do not do to one another. */
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { NO_OPTIONS } from "@mini-crm/core/campaign/options";
import { NO_LIMITS, type SendingLimits } from "@mini-crm/core/channel/limits";
import { draft, importLeads, leadInputs, NOW, startOf } from "@mini-crm/core/contracts/samples";
import * as world from "@mini-crm/core/contracts/store/world";
import type { ClaimedMessage } from "@mini-crm/core/ports/store";
import { afterAll, beforeEach, expect, test } from "vitest";
import { admit } from "./admission.ts";
import { claim } from "./claim.ts";
import type { LockDocument } from "./documents.ts";
import { ACTIVITIES } from "./locks.ts";
import { record } from "./outcomes.ts";
import { fold } from "./receipts.ts";
import { recover } from "./recovery.ts";
import type { Tables } from "./tables.ts";
import { openTemporaryMongo } from "./temporary.ts";

const { store, database, empty, overtaken, close } = await openTemporaryMongo();
beforeEach(empty);
afterAll(close);

async function runningWith(options: Partial<Campaign["options"]>, leads: number, leadsPerWindow = 1_000): Promise<Campaign> {
  if (leads > 0) await importLeads(store, leadInputs(leads));
  const campaign = draft({ options: { ...NO_OPTIONS, ...options } });
  await store.campaigns.create(campaign);
  await store.carryOut([startOf(campaign, { expected: leads })]);
  await world.expandAll(store, campaign, leadsPerWindow);
  return campaign;
}

function admission(messages: readonly ClaimedMessage[], worker = "w1", limits: SendingLimits = NO_LIMITS) {
  const asking = messages.map(({ _id, attempt, phone }) => ({ _id, attempt, phone: phone ?? "", text: "Hi" }));
  return { channel_id: "default", worker, messages: asking, limits, now: NOW };
}

function receipts(message: { _id: string }) {
  return {
    receipts: [world.receipt(message, "DELIVERED")],
    campaigns: [],
    now: world.LEASE_MS + NOW,
    receiptWindowMs: world.HOUR_MS,
  };
}

function two<T>(list: readonly T[]): [T, T] {
  const [first, second] = list;
  if (first === undefined || second === undefined) throw new Error("Two were expected");
  return [first, second];
}

test("two that admit at once keep to the channel's rate together", async () => {
  const campaign = await runningWith({}, 4);
  const mine = await world.claimed(store, campaign, { max: 2 });
  const others = await world.claimed(store, campaign, { max: 2, worker: "w2" });
  const { admitted } = await overtaken(
    () => store.messages.admit(admission(others, "w2", world.THREE_A_MINUTE)),
    (tables) => admit(tables, admission(mine, "w1", world.THREE_A_MINUTE)),
  );
  expect(admitted).toHaveLength(1);
});

test("two campaigns that ask for the same person at once keep to the cap together", async () => {
  const cap = { frequency_cap: { messages: 1, days: 1 } };
  const campaigns = [await runningWith(cap, 1), await runningWith(cap, 0)];
  const [first, second] = two(campaigns);
  const ofFirst = await world.claimed(store, first);
  const ofSecond = await world.claimed(store, second);
  const { capped } = await overtaken(
    () => store.messages.admit(admission(ofFirst)),
    (tables) => admit(tables, admission(ofSecond)),
  );
  expect(capped).toHaveLength(1);
});

test("two that claim from different windows at once take no more than the canary together", async () => {
  const canary = { percent: 20, wait_minutes: 30, max_failed_percent: 10, max_opted_out_percent: 10 };
  const campaign = await runningWith({ canary }, 10, 5);
  const fifth = (await world.rowsOf(store, campaign))[4]?.lead_id ?? "";
  const request = {
    campaign_id: campaign._id,
    channel_id: "default",
    worker: "w2",
    max: 100,
    limits: NO_LIMITS,
    leaseMs: world.LEASE_MS,
    now: NOW,
  };
  const late = await overtaken(
    () => world.claimed(store, campaign),
    (tables) => claim(tables, { ...request, after: fifth, up_to: "g" }),
  );
  expect(late).toEqual({ kind: "nothing" });
});

/** A campaign of which the only thing left is a receipt, and a message of which nobody knows if it went out. */
async function nearlyDone(): Promise<{ campaign: Campaign; sent: ClaimedMessage; unknown: ClaimedMessage }> {
  const { campaign, messages } = await world.sending(store, 2);
  const [sent, unknown] = two(messages);
  await world.record(store, sent, world.SENT);
  await store.carryOut([world.recoverAt(NOW + world.LEASE_MS)]);
  return { campaign, sent, unknown };
}

function backTo({ _id, attempt }: ClaimedMessage) {
  const outcome = { kind: "retry", code: "131000", reason: "Later", dueAt: NOW + world.LEASE_MS } as const;
  return { worker: "w1", outcomes: [{ message_id: _id, attempt, outcome }], now: NOW + world.LEASE_MS };
}

test("a campaign that completes while a message comes back to it goes on", async () => {
  const { campaign, sent, unknown } = await nearlyDone();
  await overtaken(
    () => store.carryOut([{ step: "fold", input: receipts(sent) }]),
    (tables) => record(tables, backTo(unknown)),
  );
  expect(await store.campaigns.read(campaign._id)).toMatchObject({ status: "RUNNING", counts: { PENDING: 1 } });
});

test("a campaign to which a message comes back while it would complete does not", async () => {
  const { campaign, sent, unknown } = await nearlyDone();
  const { result } = await overtaken(
    () => store.carryOut([{ step: "record", input: backTo(unknown) }]),
    (tables) => fold(tables, receipts(sent)),
  );
  expect(result).toEqual({ moved: 1, completed: [] });
  expect(await store.campaigns.read(campaign._id)).toMatchObject({ status: "RUNNING" });
});

test("a message that comes back while its campaign is cancelled is cancelled with it", async () => {
  const { campaign, messages } = await world.sending(store, 2);
  const [back] = two(messages);
  await overtaken(
    () => world.steer(store, campaign, "cancel"),
    (tables) => record(tables, backTo(back)),
  );
  expect(await store.messages.read(back._id)).toMatchObject({ status: "CANCELLED" });
});

test("a campaign of which a person has messages tried again while it would complete does not", async () => {
  const { campaign, sent } = await nearlyDone();
  const choice = { status: "UNCERTAIN", code: null, lead_ids: null } as const;
  const now = NOW + world.LEASE_MS;
  const again = { campaign_id: campaign._id, choice, after: null, limit: 10, expected: null, now };
  const { result } = await overtaken(
    () => store.carryOut([{ step: "retry", input: again }]),
    (tables) => fold(tables, receipts(sent)),
  );
  expect(result.completed).toEqual([]);
});

test("a campaign whose last two receipts are folded at once completes with the next look", async () => {
  const { campaign, messages } = await world.sending(store, 2);
  for (const message of messages) await world.record(store, message, world.SENT);
  const [first, second] = two(messages);
  const { result } = await overtaken(
    () => store.carryOut([{ step: "fold", input: receipts(first) }]),
    (tables) => fold(tables, receipts(second)),
  );
  const { results } = await store.carryOut([world.recoverAt(NOW + world.LEASE_MS)]);
  expect([...result.completed, ...results[0].completed]).toEqual([campaign._id]);
  await world.expectLedgerToClose(store, campaign);
});

test("of two that complete a campaign at once, one does", async () => {
  const { campaign, messages } = await world.sending(store, 1);
  for (const message of messages) await world.record(store, message, { kind: "failed", code: "x", reason: "No" });
  const input = { receipts: [], campaigns: [campaign._id], now: NOW, receiptWindowMs: world.HOUR_MS };
  const { result } = await overtaken(
    () => store.carryOut([{ step: "fold", input }]),
    (tables) => fold(tables, input),
  );
  expect(result.completed).toEqual([]);
});

/** Tells whether an activity can be given its number now, without waiting for whoever is giving one. */
async function canNote(): Promise<boolean> {
  const session = database.db.client.startSession();
  try {
    session.startTransaction();
    await database.db.collection<LockDocument>("lock").updateOne({ _id: ACTIVITIES }, { $inc: { seq: 1 } }, { session });
    await session.commitTransaction();
    return true;
  } catch {
    return false;
  } finally {
    await session.endSession();
  }
}

test("nobody who notes something has the long look at what time brings about begin anew", async () => {
  await world.expandAll(store, await world.running(store, 1));
  const couldNote: boolean[] = [];
  await database.transaction((tables) => {
    const asked: Tables["claim"] = {
      ...tables.claim,
      async find(filter, options) {
        couldNote.push(await canNote());
        return tables.claim.find(filter, options);
      },
    };
    return recover({ ...tables, claim: asked }, world.recoverAt(NOW).input);
  });
  expect(couldNote).toEqual([false]);
  expect(await canNote()).toBe(true);
});
