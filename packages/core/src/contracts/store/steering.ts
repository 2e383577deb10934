/** Owns the contract of the step `steer`: pausing, resuming and cancelling. */
import { expect, test } from "vitest";
import { ledgerOf } from "../../campaign/campaign.ts";
import { type Store } from "../../ports/store.ts";
import { draft, importLeads, leadInputs, NOW, startOf } from "../samples.ts";
import {
  admit,
  claimed,
  claimFrom,
  expandAll,
  expectLedgerToClose,
  fold,
  LEASE_MS,
  receipt,
  record,
  recoverAt,
  rowsOf,
  running,
  SENT,
  steer,
} from "./world.ts";

export function describeSteering(store: () => Store): void {
  test("of a paused campaign nothing is claimed or admitted, and resuming looks at all that is left", async () => {
    const campaign = await running(store(), 4);
    await expandAll(store(), campaign);
    const messages = await claimed(store(), campaign, { max: 2 });
    expect((await steer(store(), campaign, "pause")).results).toMatchObject([
      { kind: "steered", campaign: { status: "PAUSED" } },
    ]);
    expect((await steer(store(), campaign, "pause")).results).toMatchObject([{ kind: "already" }]);
    expect((await admit(store(), messages)).admitted).toEqual([]);
    for (const message of messages) await record(store(), message, { kind: "released" });
    expect(await claimFrom(store(), campaign)).toEqual({ kind: "nothing" });
    const { raised } = await steer(store(), campaign, "resume");
    expect(raised).toMatchObject([{ topic: "campaign.jobs", value: { campaign_id: campaign._id, after: null } }]);
    expect((await expandAll(store(), campaign)).map(({ value }) => value.messages)).toEqual([4]);
    expect(await claimed(store(), campaign)).toHaveLength(4);
    await expectLedgerToClose(store(), campaign);
  });

  test("a campaign paused in the middle of its expansion has its whole audience in the end", async () => {
    const campaign = await running(store(), 6);
    const first = { step: "expand", input: { campaign_id: campaign._id, after: null, leadsPerWindow: 4, now: NOW } } as const;
    const { raised } = await store().carryOut([first]);
    await steer(store(), campaign, "pause");
    const job = raised.find(({ topic }) => topic === "campaign.jobs");
    const after = job?.topic === "campaign.jobs" ? job.value.after : null;
    expect((await store().carryOut([{ ...first, input: { ...first.input, after } }])).raised).toEqual([]);
    await steer(store(), campaign, "resume");
    await expandAll(store(), campaign);
    expect((await rowsOf(store(), campaign)).map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => "PENDING"));
    await expectLedgerToClose(store(), campaign);
  });

  test("cancelling leaves sent ones sent and cancels the rest, window by window, also what comes back from the wire", async () => {
    const campaign = await running(store(), 10);
    await expandAll(store(), campaign);
    const messages = await claimed(store(), campaign, { max: 4 });
    const [sent, comesBack, fails] = messages;
    if (sent === undefined || comesBack === undefined || fails === undefined) throw new Error("Four were expected");
    await admit(store(), [sent, comesBack, fails]);
    await record(store(), sent, SENT);
    await steer(store(), campaign, "cancel");
    await expandAll(store(), campaign, 3);
    await record(store(), comesBack, { kind: "retry", code: "131000", reason: "Later", dueAt: NOW + 1 });
    await record(store(), fails, { kind: "failed", code: "131026", reason: "Not on WhatsApp" });
    const statuses = (await rowsOf(store(), campaign)).map(({ status }) => status);
    expect(statuses).toEqual(["SENT", "CANCELLED", "FAILED", ...Array.from({ length: 7 }, () => "CANCELLED")]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "CANCELLED", completed_at: NOW });
    expect((await store().carryOut([recoverAt(NOW + 2 * LEASE_MS)])).raised).toEqual([]);
    expect((await steer(store(), campaign, "resume")).results).toMatchObject([{ kind: "refused" }]);
    await fold(store(), [receipt(sent, "DELIVERED")]);
    expect(ledgerOf((await store().campaigns.read(campaign._id)) ?? campaign)).toMatchObject({
      sent: 1,
      delivered: 1,
      cancelled: 8,
    });
    await expectLedgerToClose(store(), campaign);
  });

  test("a campaign that was changed after it was looked at is not started", async () => {
    await importLeads(store(), leadInputs(2));
    const campaign = draft();
    await store().campaigns.create(campaign);
    const seen = startOf(campaign, { expected: 2 });
    const change = await store().campaigns.change(campaign._id, { segment_id: "0".repeat(24) }, NOW);
    expect((await store().carryOut([seen])).results).toEqual([{ kind: "not_startable" }]);
    if (change.kind !== "changed") throw new Error("A draft can be changed");
    expect((await store().carryOut([startOf(change.campaign, { expected: 2 })])).results).toEqual([{ kind: "started" }]);
  });

  test("what was never started cannot be steered, and what does not exist is not found", async () => {
    const campaign = draft();
    expect((await steer(store(), campaign, "pause")).results).toEqual([{ kind: "not_found" }]);
    await store().campaigns.create(campaign);
    expect((await steer(store(), campaign, "cancel")).results).toEqual([
      { kind: "refused", reason: "It is DRAFT, and only a RUNNING or PAUSED campaign can be cancelled" },
    ]);
  });
}
