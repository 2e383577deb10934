/** Proves what campaigns keep where transactions run side by side, and where a removal dies in the middle. */
import { differencesOf } from "@mini-crm/core/campaign/audit";
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { draft, NOW, startOf } from "@mini-crm/core/contracts/samples";
import { admit as admitAt, claimed, expandAll, record, rowsOf, running, SENT, steer } from "@mini-crm/core/contracts/store/world";
import { afterAll, beforeEach, expect, test } from "vitest";
import { admit } from "./admission.ts";
import { removeCampaign } from "./campaigns.ts";
import type { MongoDatabase } from "./database.ts";
import { expand } from "./expansion.ts";
import { openTemporaryMongo } from "./temporary.ts";

const { store, database, empty, overtaken, close } = await openTemporaryMongo();
beforeEach(empty);
afterAll(close);

/** The database of a process that dies when it removes the window that is given by its number. */
function diesInWindow(window: number): MongoDatabase {
  let windows = 0;
  return {
    ...database,
    bulkTransaction(work) {
      windows += 1;
      return windows === window ? Promise.reject(new Error("The process has died")) : database.bulkTransaction(work);
    },
  };
}

const firstWindow = (campaign: Campaign) => ({ campaign_id: campaign._id, after: null, leadsPerWindow: 4, now: NOW });

async function expectCountersToEqualMessages(campaign: Campaign): Promise<void> {
  expect(differencesOf(await store.messages.audit(campaign._id))).toEqual([]);
}

test("of two that write the same window down at once, one finds it written", async () => {
  const campaign = await running(store, 10);
  const input = firstWindow(campaign);
  const { result, raised } = await overtaken(
    () => store.carryOut([{ step: "expand", input }]),
    (tables) => expand(tables, input),
  );
  expect(result).toEqual({ kind: "expanded", written: 0, last: false });
  // As for any job that comes again: all that is pending, and how it goes on.
  expect(raised.map(({ topic }) => topic)).toEqual(["campaign.messages", "campaign.jobs"]);
  await expandAll(store, campaign, 4);
  expect(await rowsOf(store, campaign)).toHaveLength(10);
  await expectCountersToEqualMessages(campaign);
});

test("a window that is being written down while its campaign is cancelled has nobody pending", async () => {
  const campaign = await running(store, 10);
  await overtaken(
    async () => {
      await steer(store, campaign, "cancel");
      await expandAll(store, campaign, 4);
    },
    (tables) => expand(tables, firstWindow(campaign)),
  );
  expect(await rowsOf(store, campaign)).toEqual([]);
  await expectCountersToEqualMessages(campaign);
});

test("nothing is admitted once a pause has been answered, whatever the sender saw before", async () => {
  const campaign = await running(store, 3);
  await expandAll(store, campaign);
  const messages = await claimed(store, campaign);
  const request = {
    channel_id: "default",
    worker: "w1",
    messages: messages.map(({ _id, attempt, phone }) => ({ _id, attempt, phone: phone ?? "", text: "Hi" })),
    limits: NO_LIMITS,
    now: NOW,
  };
  const admission = await overtaken(
    () => steer(store, campaign, "pause"),
    (tables) => admit(tables, request),
  );
  expect(admission.admitted).toEqual([]);
  await steer(store, campaign, "resume");
  expect((await admitAt(store, messages)).admitted).toHaveLength(3);
});

test("a campaign that is being removed is neither started nor changed", async () => {
  const campaign = draft();
  await store.campaigns.create(campaign);
  await expect(removeCampaign(diesInWindow(1), campaign._id)).rejects.toThrow("The process has died");
  expect((await store.carryOut([startOf(campaign)])).results).toEqual([{ kind: "not_startable" }]);
  expect(await store.campaigns.change(campaign._id, { name: "New" }, NOW)).toEqual({ kind: "not_draft", status: "CANCELLED" });
});

test("a removal that dies in the middle leaves a ledger that closes, and the next one goes on with it", async () => {
  const campaign = await running(store, 10);
  await expandAll(store, campaign, 4);
  await steer(store, campaign, "cancel");
  await expandAll(store, campaign, 4);
  await expect(removeCampaign(diesInWindow(2), campaign._id)).rejects.toThrow("The process has died");
  expect(await store.campaigns.read(campaign._id)).toMatchObject({ status: "CANCELLED", counts: { CANCELLED: 6 } });
  expect(await rowsOf(store, campaign)).toHaveLength(6);
  await expectCountersToEqualMessages(campaign);

  expect(await store.campaigns.remove(campaign._id)).toEqual({ kind: "removed" });
  await expectNothingOf(campaign);
});

test("what leaves while its campaign is being removed leaves nothing behind", async () => {
  const campaign = await running(store, 8);
  await expandAll(store, campaign, 4);
  await claimed(store, campaign);
  const [later] = await claimed(store, campaign); // Of the second window.
  if (later === undefined) throw new Error("Nobody was claimed");
  await admitAt(store, [later]);
  await steer(store, campaign, "cancel");
  await expandAll(store, campaign, 4);
  await expect(removeCampaign(diesInWindow(2), campaign._id)).rejects.toThrow("The process has died");
  expect((await record(store, later, SENT)).results).toEqual([{ applied: 1 }]);

  expect(await store.campaigns.remove(campaign._id)).toEqual({ kind: "removed" });
  await expectNothingOf(campaign);
});

async function expectNothingOf(campaign: Campaign): Promise<void> {
  for (const name of ["campaign", "message", "message_window", "campaign_count", "lock"]) {
    const documents = (await database.db.collection(name).find().toArray()).map((document) => JSON.stringify(document));
    expect(
      documents.filter((text) => text.includes(campaign._id)),
      name,
    ).toEqual([]);
  }
}
