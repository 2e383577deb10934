/** Owns the contract of the steps `schedule` and `hold`, and of what is asked of campaigns that wait. */
import { describe, expect, test } from "vitest";
import type { Campaign } from "../../campaign/campaign.ts";
import { NO_OPTIONS } from "../../campaign/options.ts";
import type { Store } from "../../ports/store.ts";
import { draft, importLeads, leadInputs, NOW, startOf } from "../samples.ts";
import { admit, claimed, expandAll, HOUR_MS, record, recoverAt, running, SENT, steer } from "./world.ts";

const AT = NOW + HOUR_MS;
const HELD = { code: "schedule_missed", reason: "It was to start an hour ago", at: AT };

export function describeScheduling(store: () => Store): void {
  const schedule = (campaign: Campaign, at: number | null, graceMs = 60_000) =>
    store().carryOut([{ step: "schedule", input: { campaign_id: campaign._id, at, graceMs, now: NOW } }]);
  const hold = (campaign: Campaign, scheduledFor?: number) =>
    store().carryOut([{ step: "hold", input: { campaign_id: campaign._id, hold: HELD, scheduledFor: scheduledFor ?? null } }]);
  const read = async (campaign: Campaign) => {
    const known = await store().campaigns.read(campaign._id);
    if (known === null) throw new Error("The campaign is gone");
    return known;
  };
  const dueAt = async (now: number) => (await store().campaigns.due(now, 10)).map(({ _id }) => _id);
  async function scheduled(fields: Partial<Campaign> = {}, at = AT): Promise<Campaign> {
    const campaign = draft(fields);
    await store().campaigns.create(campaign);
    await schedule(campaign, at);
    return campaign;
  }

  describe("a scheduled campaign", () => {
    test("is due from its moment on, as often as anybody asks, until it is unscheduled", async () => {
      const campaign = draft();
      await store().campaigns.create(campaign);
      const { results, raised } = await schedule(campaign, AT);
      expect(results).toMatchObject([
        { kind: "steered", campaign: { status: "SCHEDULED", scheduled_at: AT, schedule_grace_ms: 60_000, hold: null } },
      ]);
      expect(raised).toEqual([]);
      expect([await dueAt(AT - 1), await dueAt(AT), await dueAt(AT + HOUR_MS)]).toEqual([[], [campaign._id], [campaign._id]]);
      await schedule(campaign, AT + 1);
      expect([await dueAt(AT), await dueAt(AT + 1)]).toEqual([[], [campaign._id]]);
      expect((await schedule(campaign, null)).results).toMatchObject([
        { kind: "steered", campaign: { status: "DRAFT", scheduled_at: null } },
      ]);
      expect((await schedule(campaign, null)).results).toMatchObject([{ kind: "already" }]);
      expect(await dueAt(AT + HOUR_MS)).toEqual([]);
    });

    test("comes in the order of the moments, at most as many as were asked for", async () => {
      const later = await scheduled({}, AT + 2);
      const first = await scheduled({}, AT);
      const second = await scheduled({}, AT + 1);
      expect(await dueAt(AT + 2)).toEqual([first._id, second._id, later._id]);
      expect((await store().campaigns.due(AT + 2, 2)).map(({ _id }) => _id)).toEqual([first._id, second._id]);
    });

    test("can be listed by its status, and neither changed nor removed", async () => {
      const campaign = await scheduled();
      await store().campaigns.create(draft());
      const list = await store().campaigns.list({ page: 1, limit: 10, status: "SCHEDULED" });
      expect([list.total, list.items.map(({ _id }) => _id)]).toEqual([1, [campaign._id]]);
      expect(await store().campaigns.change(campaign._id, { name: "x" }, NOW)).toEqual({
        kind: "not_draft",
        status: "SCHEDULED",
      });
      expect(await store().campaigns.remove(campaign._id)).toEqual({ kind: "in_progress", status: "SCHEDULED" });
    });

    test("can be started at once, and then is due no more", async () => {
      await importLeads(store(), leadInputs(1));
      const campaign = await scheduled();
      expect((await store().carryOut([startOf(campaign, { expected: 1 })])).results).toEqual([{ kind: "started" }]);
      expect([await dueAt(AT), (await read(campaign)).status]).toEqual([[], "RUNNING"]);
    });

    test("starts for its moment only while it still has it", async () => {
      const campaign = await scheduled();
      const startFor = (scheduledFor: number) => {
        const { step, input } = startOf(campaign, { expected: 1 });
        return store().carryOut([{ step, input: { ...input, scheduledFor } }]);
      };
      await schedule(campaign, AT + 1);
      expect(await startFor(AT)).toEqual({ results: [{ kind: "not_startable" }], raised: [], outbox_id: null });
      await schedule(campaign, null);
      expect((await startFor(AT + 1)).results).toEqual([{ kind: "not_startable" }]);
      await schedule(campaign, AT);
      expect((await startFor(AT)).results).toEqual([{ kind: "started" }]);
      expect((await startFor(AT)).results).toEqual([{ kind: "not_startable" }]);
    });
  });

  describe("scheduling is refused", () => {
    test("after the start, with the reason", async () => {
      const campaign = await running(store(), 1);
      expect((await schedule(campaign, AT)).results).toEqual([
        { kind: "refused", reason: "It is RUNNING, and only a DRAFT or SCHEDULED one can be scheduled" },
      ]);
      expect((await schedule(campaign, null)).results).toEqual([
        { kind: "refused", reason: "It is RUNNING, and only a SCHEDULED campaign can be unscheduled" },
      ]);
      expect((await read(campaign)).scheduled_at).toBeNull();
    });

    test("for a moment at which the campaign has expired, and it stays as it is", async () => {
      const campaign = await scheduled({ options: { ...NO_OPTIONS, expires_at: AT + 1 } });
      expect((await schedule(campaign, AT + 1)).results).toMatchObject([{ kind: "refused" }]);
      expect(await read(campaign)).toMatchObject({ status: "SCHEDULED", scheduled_at: AT });
    });

    test("where there is no such campaign", async () => {
      expect((await schedule(draft(), AT)).results).toEqual([{ kind: "not_found" }]);
    });
  });

  describe("a hold", () => {
    test("keeps a scheduled campaign from starting by itself, until a person schedules or unschedules it", async () => {
      const campaign = await scheduled();
      expect((await hold(campaign, AT)).results).toEqual([{ held: true }]);
      expect((await hold(campaign, AT)).results).toEqual([{ held: false }]);
      expect(await read(campaign)).toMatchObject({ status: "SCHEDULED", scheduled_at: AT, hold: HELD });
      expect(await dueAt(AT + HOUR_MS)).toEqual([]);
      await schedule(campaign, AT + HOUR_MS);
      expect([(await read(campaign)).hold, await dueAt(AT + HOUR_MS)]).toEqual([null, [campaign._id]]);
      await hold(campaign, AT + HOUR_MS);
      await schedule(campaign, null);
      expect(await read(campaign)).toMatchObject({ status: "DRAFT", hold: null });
    });

    test("ends when a person starts the campaign", async () => {
      const campaign = await scheduled();
      await hold(campaign, AT);
      await store().carryOut([startOf(await read(campaign), { expected: 1 })]);
      expect(await read(campaign)).toMatchObject({ status: "RUNNING", hold: null });
    });

    test("decided for a moment that the campaign no longer has is none", async () => {
      const moved = await scheduled();
      await schedule(moved, AT + HOUR_MS);
      const started = await scheduled();
      await store().carryOut([startOf(started, { expected: 1 })]);
      const unscheduled = await scheduled();
      await schedule(unscheduled, null);
      for (const campaign of [moved, started, unscheduled]) {
        const before = await read(campaign);
        expect((await hold(campaign, AT)).results).toEqual([{ held: false }]);
        expect(await read(campaign)).toEqual(before);
      }
    });

    test("pauses a running campaign, and leaves drafts and those that are paused or done as they are", async () => {
      const campaign = await running(store(), 1);
      expect((await hold(campaign)).results).toEqual([{ held: true }]);
      expect(await read(campaign)).toMatchObject({ status: "PAUSED", hold: HELD });
      await steer(store(), campaign, "resume");
      expect(await read(campaign)).toMatchObject({ status: "RUNNING", hold: null });
      await steer(store(), campaign, "cancel");
      const untouched = draft();
      await store().campaigns.create(untouched);
      for (const other of [campaign, untouched]) {
        expect((await hold(other)).results).toEqual([{ held: false }]);
        expect((await read(other)).hold).toBeNull();
      }
    });
  });

  describe("of a campaign that waits it is known", () => {
    test("when the first and the last of its messages are looked at again, and what the first one waits for", async () => {
      const campaign = await running(store(), 3);
      await expandAll(store(), campaign);
      expect(await store().messages.nextDue(campaign._id)).toBeNull();
      const [first, second] = await claimed(store(), campaign, { max: 2 });
      if (first === undefined || second === undefined) throw new Error("Two were expected");
      await record(store(), first, { kind: "deferred", code: "quiet_hours", reason: "It is late", dueAt: NOW + 9_000 });
      await record(store(), second, { kind: "retry", code: "131056", reason: "Busy", dueAt: NOW + 5_000 });
      const due = { due_at: NOW + 5_000, code: "131056", last_due_at: NOW + 9_000 };
      expect(await store().messages.nextDue(campaign._id)).toEqual(due);
      await store().carryOut([recoverAt(NOW + 5_000)]);
      expect(await store().messages.nextDue(campaign._id)).toEqual({ ...due, due_at: NOW + 9_000, code: "quiet_hours" });
    });

    test("what goes out before its messages: all that is ready of campaigns that were started before on its channel", async () => {
      const first = await running(store(), 4);
      await expandAll(store(), first);
      const second = draft();
      await store().campaigns.create(second);
      const ahead = (campaign: Campaign, now = NOW) => store().messages.ahead(campaign._id, now);
      expect(await ahead(second)).toEqual({ messages: 4, campaigns: 1 });
      const start = startOf(second, { expected: 4 });
      await store().carryOut([{ ...start, input: { ...start.input, now: NOW + 1 } }]);
      await expandAll(store(), second);
      expect([await ahead(first), await ahead(second)]).toEqual([
        { messages: 0, campaigns: 0 },
        { messages: 4, campaigns: 1 },
      ]);
      // What is claimed is ahead still; what waits for a moment of its own, or is on the wire, is not.
      const messages = await claimed(store(), first, { max: 3 });
      const [one, two] = messages;
      if (one === undefined || two === undefined) throw new Error("Three were expected");
      await record(store(), one, { kind: "deferred", code: "quiet_hours", reason: "It is late", dueAt: NOW + HOUR_MS });
      await admit(store(), [two]);
      expect(await ahead(second)).toEqual({ messages: 2, campaigns: 1 });
      await record(store(), two, SENT);
      await steer(store(), first, "pause");
      expect(await ahead(second)).toEqual({ messages: 0, campaigns: 0 });
    });

    test("that a campaign on another channel, one that has expired, or the rest behind a canary, is not before it", async () => {
      const canary = { percent: 25, wait_minutes: 30, max_failed_percent: 10, max_opted_out_percent: 2 };
      await importLeads(store(), leadInputs(8));
      const olderOnes = [
        draft({ channel_id: "other" }),
        draft({ options: { ...NO_OPTIONS, expires_at: NOW + 1 } }),
        draft({ options: { ...NO_OPTIONS, canary } }),
      ];
      for (const older of olderOnes) {
        await store().campaigns.create(older);
        await store().carryOut([startOf(older, { expected: 8 })]);
        await expandAll(store(), older);
      }
      const campaign = draft();
      await store().campaigns.create(campaign);
      expect(await store().messages.ahead(campaign._id, NOW)).toEqual({ messages: 8 + 2, campaigns: 2 });
      expect(await store().messages.ahead(campaign._id, NOW + 1)).toEqual({ messages: 2, campaigns: 1 });
    });
  });
}
