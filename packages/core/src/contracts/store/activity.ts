/** Owns the contract of activities in a store: what is noted of a campaign's way, once and in order. */
import { expect, test } from "vitest";
import { KEPT_ACTIVITIES, type NewActivity } from "../../activity/activity.ts";
import { type Store } from "../../ports/store.ts";
import { draft, NOW } from "../samples.ts";
import { expandAll, fold, HOUR_MS, receipt, record, recoverAt, running, SENT, sending, steer } from "./world.ts";

export function describeActivity(store: () => Store): void {
  const kindsAfter = async (seq: number) => (await store().activity.after(seq, 100)).map(({ kind }) => kind);
  const recover = () => store().carryOut([recoverAt(NOW)]);
  const imported = (accepted: number): NewActivity => ({
    at: NOW,
    kind: "leads.imported",
    subject: null,
    data: { accepted, inserted: accepted, modified: 0, matched: accepted, rejected: 0 },
  });

  test("what is noted is numbered in its order and read from any number on", async () => {
    expect(await store().activity.range()).toEqual({ oldest: 1, latest: 0 });
    await store().activity.note([imported(1), imported(2)]);
    await store().activity.note([imported(3)]);
    expect(await store().activity.after(1, 1)).toEqual([{ seq: 2, ...imported(2) }]);
    expect((await store().activity.after(0, 10)).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(await store().activity.after(3, 10)).toEqual([]);
    expect(await store().activity.range()).toEqual({ oldest: 1, latest: 3 });
  });

  test("several who note at once leave no gap, and nobody reads a number before the ones below it", async () => {
    let isOver = false;
    const noting = [1, 2, 3, 4, 5, 6].map((accepted) => store().activity.note([imported(accepted), imported(accepted)]));
    const noted = Promise.all(noting).finally(() => {
      isOver = true;
    });
    const seen: number[] = [];
    const readOn = async () => {
      for (const { seq } of await store().activity.after(seen.at(-1) ?? 0, 100)) seen.push(seq);
    };
    while (!isOver) await readOn();
    await noted;
    await readOn();
    expect(seen).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
  });

  test("the oldest go when there are too many, and no number comes again", async () => {
    const many = Array.from({ length: KEPT_ACTIVITIES / 2 }, () => imported(1));
    for (let round = 0; round < 2; round += 1) await store().activity.note(many);
    await store().activity.note([imported(7), imported(8)]);
    expect(await store().activity.range()).toEqual({ oldest: 3, latest: KEPT_ACTIVITIES + 2 });
    expect((await store().activity.after(0, 1)).map(({ seq }) => seq)).toEqual([3]);
  });

  test("a campaign's start, pause, resumption and end are told with its ledger", async () => {
    const campaign = await running(store(), 2);
    await steer(store(), campaign, "pause");
    await steer(store(), campaign, "pause");
    await steer(store(), campaign, "resume");
    await steer(store(), campaign, "cancel");
    const told = await store().activity.after(0, 10);
    expect(told.map(({ kind }) => kind)).toEqual([
      "campaign.started",
      "campaign.paused",
      "campaign.resumed",
      "campaign.cancelled",
    ]);
    expect(told[0]).toMatchObject({
      at: NOW,
      subject: campaign._id,
      data: { name: campaign.name, status: "RUNNING", stats: { audience: 2, sent: 0, pending: 2 } },
    });
    expect(told[3]).toMatchObject({ data: { status: "CANCELLED" } });
  });

  test("a campaign that is scheduled, unscheduled or held is told, with why it is held", async () => {
    const campaign = draft();
    await store().campaigns.create(campaign);
    const schedule = (at: number | null) =>
      store().carryOut([{ step: "schedule", input: { campaign_id: campaign._id, at, graceMs: HOUR_MS, now: NOW } }]);
    await schedule(NOW + HOUR_MS);
    await schedule(null);
    await schedule(NOW + HOUR_MS);
    const hold = { code: "missed", reason: "Its time has passed: start it by hand.", at: NOW };
    for (let times = 0; times < 2; times += 1) {
      await store().carryOut([{ step: "hold", input: { campaign_id: campaign._id, hold } }]);
    }
    const told = await store().activity.after(0, 10);
    expect(told.map(({ kind }) => kind)).toEqual([
      "campaign.scheduled",
      "campaign.unscheduled",
      "campaign.scheduled",
      "campaign.held",
    ]);
    expect(told[3]).toMatchObject({ subject: campaign._id, data: { status: "SCHEDULED", reason: hold.reason } });
  });

  test("a campaign completes once, whether by its last receipt or because nobody can be written to", async () => {
    const { campaign, messages } = await sending(store(), 1);
    const [message] = messages;
    if (message === undefined) throw new Error("One was expected");
    await record(store(), message, SENT);
    await fold(store(), [receipt(message, "DELIVERED")]);
    await fold(store(), [receipt(message, "READ")]);
    await store().carryOut([recoverAt(NOW + 2 * HOUR_MS)]);
    const told = await store().activity.after(0, 10);
    expect(told.map(({ kind }) => kind)).toEqual(["campaign.started", "campaign.completed", "campaign.progress"]);
    expect(told[1]).toMatchObject({
      subject: campaign._id,
      data: { status: "COMPLETED", stats: { sent: 1, delivered: 1, read: 0 } },
    });
    expect(told[2]).toMatchObject({ data: { stats: { sent: 1, delivered: 1, read: 1 } } });
  });

  test("a campaign to nobody is told to be complete", async () => {
    await expandAll(store(), await running(store(), 0));
    expect(await kindsAfter(0)).toEqual(["campaign.started", "campaign.completed"]);
  });

  test("progress is told when the ledger has changed, once, and not when messages only change hands", async () => {
    const { messages } = await sending(store(), 3);
    await recover();
    expect(await kindsAfter(1)).toEqual([]); // Claimed and on the wire is still pending.
    const [first, second] = messages;
    if (first === undefined || second === undefined) throw new Error("Three were expected");
    await record(store(), first, SENT);
    await record(store(), second, SENT);
    await recover();
    await recover();
    const told = await store().activity.after(1, 10);
    expect(told).toMatchObject([{ kind: "campaign.progress", data: { status: "RUNNING", stats: { sent: 2, pending: 1 } } }]);
  });

  test("nothing is told of a campaign that has been removed", async () => {
    const campaign = await running(store(), 2);
    await expandAll(store(), campaign);
    await steer(store(), campaign, "cancel");
    await expandAll(store(), campaign);
    await store().campaigns.remove(campaign._id);
    const { latest } = await store().activity.range();
    await recover();
    expect(await kindsAfter(latest)).toEqual([]);
  });
}
