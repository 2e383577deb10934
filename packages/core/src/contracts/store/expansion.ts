/** Owns the contract of the step `expand`: how an audience is written down. */
import { expect, test } from "vitest";
import { type Store } from "../../ports/store.ts";
import { draft, importLeads, leadInputs, NOW, startOf } from "../samples.ts";
import { expandAll, expectLedgerToClose, rowsOf, running } from "./world.ts";

export function describeExpansion(store: () => Store): void {
  test("an audience is written down window by window, each recipient once, however often a window is done", async () => {
    const campaign = await running(store(), 10);
    const windows = await expandAll(store(), campaign, 4);
    expect(windows.map(({ value }) => value.messages)).toEqual([4, 4, 2]);
    expect(windows.map(({ key }) => key)).toEqual(["default", "default", "default"]);
    expect(await rowsOf(store(), campaign)).toHaveLength(10);
    await expandAll(store(), campaign, 3);
    expect(await rowsOf(store(), campaign)).toHaveLength(10);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ expanded: true, status: "RUNNING" });
    await expectLedgerToClose(store(), campaign);
  });

  test("only the leads that match and were there when it was run are in the audience", async () => {
    await importLeads(store(), leadInputs(4));
    const campaign = draft();
    await store().campaigns.create(campaign);
    const rule = {
      type: "comparison",
      operator: ">=",
      left: { type: "field", value: "total_spend" },
      right: { type: "literal", value: 200 },
    } as const;
    await store().carryOut([startOf(campaign, { rule })]);
    await importLeads(store(), [{ name: "Late", phones: ["+14155559999"], total_spend: 900 }], NOW + 1);
    await expandAll(store(), campaign);
    const leads = await Promise.all((await rowsOf(store(), campaign)).map(({ lead_id }) => store().leads.read(lead_id)));
    expect(leads.map((lead) => lead?.name)).toEqual(["Lead 2", "Lead 3"]);
  });

  test("who cannot be written to is skipped with the reason, and is in the ledger", async () => {
    await importLeads(store(), [
      { name: "No phone" },
      { name: "Opted out", phones: ["+14155550001"], consent: { state: "opted_out", source: null, at: NOW } },
      { name: "First", external_id: "1", phones: ["+14155550002"] },
      { name: "Same number", external_id: "2", phones: ["+14155550002"] },
    ]);
    const campaign = await running(store(), 0);
    await expandAll(store(), campaign, 1);
    const rows = await rowsOf(store(), campaign);
    expect(rows.map(({ status, code }) => [status, code])).toEqual([
      ["SKIPPED", "no_phone"],
      ["SKIPPED", "opted_out"],
      ["PENDING", null],
      ["SKIPPED", "duplicate_number"],
    ]);
    await expectLedgerToClose(store(), campaign);
  });

  test("a campaign of which nobody can be written to is complete at once", async () => {
    await importLeads(store(), [{ name: "No phone" }]);
    const campaign = await running(store(), 0);
    expect(await expandAll(store(), campaign)).toEqual([]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "COMPLETED", completed_at: NOW });
  });

  test("resuming raises the job of every running campaign, and it looks at all that is pending", async () => {
    const campaign = await running(store(), 3);
    await expandAll(store(), campaign);
    const { raised } = await store().carryOut([{ step: "resume", input: { now: NOW } }]);
    expect(raised).toMatchObject([{ topic: "campaign.jobs", value: { campaign_id: campaign._id, after: null } }]);
    expect((await expandAll(store(), campaign)).map(({ value }) => value.messages)).toEqual([3]);
  });

  test.each(["deleted", "given another number"])(
    "a number is written to once, although the first who had it is %s",
    async (what) => {
      const shared = "+14155550999";
      await importLeads(store(), [
        { name: "First", external_id: "1", phones: [shared] },
        { name: "Between" },
        { name: "Second", external_id: "2", phones: [shared] },
      ]);
      const campaign = await running(store(), 0);
      const expand = { campaign_id: campaign._id, leadsPerWindow: 1, now: NOW };
      await store().carryOut([{ step: "expand", input: { ...expand, after: null } }]);
      const [first] = await rowsOf(store(), campaign);
      const leadId = first?.lead_id ?? "";
      if (what === "deleted") await store().leads.remove(leadId);
      else await store().leads.change(leadId, { phones: ["+14155550001"] }, NOW);
      for (let after = leadId; ; ) {
        const { raised } = await store().carryOut([{ step: "expand", input: { ...expand, after } }]);
        const job = raised.find(({ topic }) => topic === "campaign.jobs");
        if (job?.topic !== "campaign.jobs" || job.value.after === null) break;
        after = job.value.after;
      }
      expect((await rowsOf(store(), campaign)).map(({ code }) => code)).toEqual([null, "no_phone", "duplicate_number"]);
      await expectLedgerToClose(store(), campaign);
    },
  );
}
