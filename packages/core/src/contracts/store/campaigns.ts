/** Owns the contract of segments and campaigns in a store, before anything is sent. */
import { expect, test } from "vitest";
import { type Store } from "../../ports/store.ts";
import { draft, EVERYBODY, NOW, newId, startOf } from "../samples.ts";

export function describeSegmentsAndCampaigns(store: () => Store): void {
  const segment = () => ({
    _id: newId(),
    name: "All",
    owner_user_id: "admin",
    rule_ast: EVERYBODY,
    created_at: NOW,
    updated_at: NOW,
  });

  test("a segment is kept, changed, and removed unless a campaign that is not finished uses it", async () => {
    const kept = segment();
    await store().segments.create(kept);
    expect(await store().segments.read(kept._id)).toEqual(kept);
    expect(await store().segments.change(kept._id, { name: "Everybody" }, NOW + 1)).toEqual({
      ...kept,
      name: "Everybody",
      updated_at: NOW + 1,
    });
    const campaign = draft({ segment_id: kept._id });
    await store().campaigns.create(campaign);
    expect(await store().segments.remove(kept._id)).toEqual({ kind: "in_use", campaigns: [campaign._id] });
    expect(await store().campaigns.remove(campaign._id)).toEqual({ kind: "removed" });
    expect(await store().segments.remove(kept._id)).toEqual({ kind: "removed" });
    expect(await store().segments.remove(kept._id)).toEqual({ kind: "not_found" });
    expect(await store().segments.read(kept._id)).toBeNull();
  });

  test("a campaign can be changed and removed as a draft, but not while it runs", async () => {
    const campaign = draft();
    await store().campaigns.create(campaign);
    expect(await store().campaigns.read(campaign._id)).toEqual(campaign);
    expect(await store().campaigns.change(campaign._id, { name: "New" }, NOW)).toMatchObject({
      kind: "changed",
      campaign: { name: "New" },
    });
    await store().carryOut([startOf((await store().campaigns.read(campaign._id)) ?? campaign)]);
    expect(await store().campaigns.change(campaign._id, { name: "Newer" }, NOW)).toEqual({
      kind: "not_draft",
      status: "RUNNING",
    });
    expect(await store().campaigns.remove(campaign._id)).toEqual({ kind: "in_progress", status: "RUNNING" });
  });

  test("a campaign starts once, and its start raises its job", async () => {
    const campaign = draft();
    await store().campaigns.create(campaign);
    const first = await store().carryOut([startOf(campaign, { expected: 3 })]);
    expect(first.results).toEqual([{ kind: "started" }]);
    expect(first.raised).toEqual([
      { topic: "campaign.jobs", key: campaign._id, value: { version: 1, campaign_id: campaign._id, after: null } },
    ]);
    const second = await store().carryOut([startOf(campaign)]);
    expect(second).toEqual({ results: [{ kind: "not_startable" }], raised: [], outbox_id: null });
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "RUNNING", expected: 3, started_at: NOW });
  });

  test("a campaign whose template has changed since it was read does not start with the old one", async () => {
    const campaign = draft();
    await store().campaigns.create(campaign);
    await store().campaigns.change(campaign._id, { message_template: "Bye {{name}}" }, NOW);
    expect((await store().carryOut([startOf(campaign)])).results).toEqual([{ kind: "not_startable" }]);
  });

  test("campaigns are listed newest first and by status", async () => {
    const [older, newer] = [draft({ name: "older" }), draft({ name: "newer" })];
    await store().campaigns.create(older);
    await store().campaigns.create(newer);
    await store().carryOut([startOf(older)]);
    const names = async (status: "RUNNING" | null) =>
      (await store().campaigns.list({ page: 1, limit: 10, status })).items.map(({ name }) => name);
    expect(await names(null)).toEqual(["newer", "older"]);
    expect(await names("RUNNING")).toEqual(["older"]);
  });
}
