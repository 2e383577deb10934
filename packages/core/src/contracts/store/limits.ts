/** Owns the contract of the limits that look at recipients: how many different ones in a day, and how soon each again. */
import { expect, test } from "vitest";
import type { Campaign } from "../../campaign/campaign.ts";
import { NO_LIMITS } from "../../channel/limits.ts";
import { noAdmission } from "../../message/admission.ts";
import type { ClaimedMessage, Store } from "../../ports/store.ts";
import { NOW } from "../samples.ts";
import {
  admit,
  claimed,
  claimFrom,
  expandAll,
  expectLedgerToClose,
  HOUR_MS,
  record,
  recoverAt,
  rowsOf,
  running,
  THREE_A_MINUTE,
} from "./world.ts";

const DAY_MS = 86_400_000;
const THREE_A_DAY = { ...NO_LIMITS, recipientsPerDay: 3 };
const SIX_SECONDS_APART = { ...NO_LIMITS, pairMs: 6_000 };

/** A campaign that runs to `leads` recipients, or to those who are there already. */
async function ready(store: Store, leads = 0): Promise<Campaign> {
  const campaign = await running(store, leads);
  await expandAll(store, campaign);
  return campaign;
}

async function twoOf(store: Store, campaign: Campaign): Promise<[ClaimedMessage, ClaimedMessage]> {
  const [first, second] = await claimed(store, campaign, { max: 2 });
  if (first === undefined || second === undefined) throw new Error("Two were expected");
  return [first, second];
}

export function describeLimits(store: () => Store): void {
  test("a channel writes to no more different people than it may in any 24 hours, whoever asks", async () => {
    const campaign = await ready(store(), 10);
    const options = { limits: THREE_A_DAY };
    const first = await claimed(store(), campaign, options);
    expect(first).toHaveLength(3);
    const more = await claimed(store(), campaign, { worker: "w2", max: 3 });
    expect((await admit(store(), first.slice(0, 2), options)).admitted).toHaveLength(2);
    expect((await admit(store(), first.slice(2), { ...options, now: NOW + HOUR_MS })).admitted).toHaveLength(1);
    expect(await admit(store(), more, { ...options, worker: "w2", now: NOW + HOUR_MS })).toEqual(noAdmission());
    const limited = { kind: "limited", until: NOW + DAY_MS, by: "recipients" };
    expect(await claimFrom(store(), campaign, { ...options, now: NOW + DAY_MS - 1 })).toEqual(limited);
    expect(await claimed(store(), campaign, { ...options, now: NOW + DAY_MS })).toHaveLength(2);
    await expectLedgerToClose(store(), campaign);
  });

  test("who was written to within the day takes no new room, and takes the room of the rate all the same", async () => {
    const campaign = await ready(store(), 4);
    await admit(store(), await claimed(store(), campaign, { max: 3 }), { limits: THREE_A_DAY });
    const again = await claimed(store(), await ready(store()), { worker: "w2" });
    const limits = { recipientsPerDay: 3, pairMs: null, rate: { messages: 5, windowMs: 60_000 } };
    const { admitted } = await admit(store(), again, { worker: "w2", limits, now: NOW + 1 });
    expect(admitted).toEqual(again.slice(0, 2).map(({ _id }) => _id));
    expect(await store().contacts.recipientUse("default", NOW + 1)).toEqual({ recipients: 3, resetAt: NOW + DAY_MS });
  });

  test("where the rate and the day's recipients are both used up, it waits for the later of the two", async () => {
    const campaign = await ready(store(), 10);
    const limits = { ...THREE_A_MINUTE, recipientsPerDay: 3 };
    await admit(store(), await claimed(store(), campaign, { limits }), { limits });
    const until = { kind: "limited", until: NOW + DAY_MS, by: "recipients" };
    expect(await claimFrom(store(), campaign, { limits, now: NOW + 1 })).toEqual(until);
    const raised = { ...limits, recipientsPerDay: 4 };
    const minute = { kind: "limited", until: NOW + 60_000, by: "rate" };
    expect(await claimFrom(store(), campaign, { limits: raised, now: NOW + 1 })).toEqual(minute);
    expect(await claimed(store(), campaign, { limits: raised, now: NOW + 60_000 })).toHaveLength(1);
  });

  test("what another channel sends takes no room", async () => {
    const campaign = await ready(store(), 3);
    await admit(store(), await claimed(store(), campaign, { max: 2 }), { limits: THREE_A_DAY });
    expect((await store().contacts.recipientUse("other", NOW)).recipients).toBe(0);
    expect((await store().contacts.recipientUse("default", NOW)).recipients).toBe(2);
  });

  test("without limits that look at recipients nobody is noted", async () => {
    const campaign = await ready(store(), 3);
    await admit(store(), await claimed(store(), campaign), { limits: THREE_A_MINUTE });
    expect(await store().contacts.recipientUse("default", NOW)).toEqual({ recipients: 0, resetAt: NOW + DAY_MS });
  });

  test("a number that has just had a message waits for the next one, and stays the worker's until it is put off", async () => {
    await ready(store(), 2);
    const [earlier, later] = [await ready(store()), await ready(store())];
    const options = { limits: SIX_SECONDS_APART };
    const [sent] = await twoOf(store(), earlier);
    expect((await admit(store(), [sent], options)).admitted).toEqual([sent._id]);
    const [soon, other] = await twoOf(store(), later);
    const now = NOW + 1_000;
    const admission = await admit(store(), [soon, other], { ...options, now });
    const until = NOW + 6_000;
    expect(admission).toEqual({ ...noAdmission(), admitted: [other._id], too_soon: [{ _id: soon._id, until }] });
    expect(await store().messages.read(soon._id)).toMatchObject({ status: "CLAIMED", text: null });
    await record(store(), soon, { kind: "deferred", code: "too_soon", reason: "Has just had one", dueAt: until }, "w1", now);
    await store().carryOut([recoverAt(until)]);
    const again = await claimed(store(), later, { now: until });
    expect(again).toMatchObject([{ _id: soon._id, attempt: 1 }]);
    expect((await admit(store(), again, { ...options, now: until })).admitted).toEqual([soon._id]);
    await expectLedgerToClose(store(), later);
  });

  test("of two messages to one number in one request the second waits, also where they are of two campaigns", async () => {
    await ready(store(), 2);
    const campaigns = [await ready(store()), await ready(store())] as const;
    const [one] = await twoOf(store(), campaigns[0]);
    const [two, other] = await twoOf(store(), campaigns[1]);
    const admission = await admit(store(), [one, two, other], { limits: SIX_SECONDS_APART });
    expect(admission.admitted.toSorted()).toEqual([one._id, other._id].toSorted());
    expect(admission.too_soon).toEqual([{ _id: two._id, until: NOW + 6_000 }]);
    const statuses = await Promise.all(campaigns.map(async (campaign) => (await rowsOf(store(), campaign))[0]?.status));
    expect(statuses).toEqual(["SENDING", "CLAIMED"]);
  });

  test("of two workers that ask for one number at the same moment only one is let through", async () => {
    await ready(store(), 1);
    const campaigns = [await ready(store()), await ready(store()), await ready(store())];
    const asked = await Promise.all(
      campaigns.map(async (campaign, index) => {
        const worker = `w${index}`;
        return { worker, messages: await claimed(store(), campaign, { worker }) };
      }),
    );
    const answers = await Promise.all(
      asked.map(({ worker, messages }) => admit(store(), messages, { worker, limits: SIX_SECONDS_APART })),
    );
    expect(answers.flatMap(({ admitted }) => admitted)).toHaveLength(1);
    expect(answers.flatMap(({ too_soon }) => too_soon)).toHaveLength(2);
  });
}
