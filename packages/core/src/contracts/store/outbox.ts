/** Owns the contract of the `Store` port for the outbox: what steps raise is kept until somebody says that it is published. */
import { describe, expect, test } from "vitest";
import type { Step } from "../../ports/steps.ts";
import type { Store } from "../../ports/store.ts";
import { draft, startOf } from "../samples.ts";

const MANY = 100;

export function describeOutbox(store: () => Store): void {
  const unpublished = () => store().outbox.unpublished(MANY);
  const started = async () => {
    const campaign = draft();
    await store().campaigns.create(campaign);
    return { campaign, carried: await store().carryOut([startOf(campaign)]) };
  };

  describe("the outbox", () => {
    test("what steps raised is unpublished until it is said to be published", async () => {
      const { carried } = await started();
      const { outbox_id, raised } = carried;
      expect(raised).toHaveLength(1);
      expect(await unpublished()).toEqual([{ _id: outbox_id, events: raised }]);
      await store().outbox.published([String(outbox_id)]);
      expect(await unpublished()).toEqual([]);
      await store().outbox.published([String(outbox_id)]);
    });

    test("what one transaction raised is one entry, in the order of its steps", async () => {
      const [first, second] = [draft(), draft()];
      await store().campaigns.create(first);
      await store().campaigns.create(second);
      const { raised } = await store().carryOut([startOf(first), startOf(second)]);
      expect(raised.map(({ key }) => key)).toEqual([first._id, second._id]);
      expect((await unpublished()).map(({ events }) => events)).toEqual([raised]);
    });

    test("steps that raise nothing leave nothing", async () => {
      const { campaign } = await started();
      const [entry] = await unpublished();
      await store().outbox.published([String(entry?._id)]);
      const { raised, outbox_id } = await store().carryOut([startOf(campaign)]);
      expect({ raised, outbox_id }).toEqual({ raised: [], outbox_id: null });
      expect(await unpublished()).toEqual([]);
    });

    test("the oldest entries come first, and no more than asked for; saying that some are published leaves the others", async () => {
      const ids: string[] = [];
      for (let entry = 0; entry < 12; entry += 1) ids.push(String((await started()).carried.outbox_id));
      const idsOf = async (limit: number) => (await store().outbox.unpublished(limit)).map(({ _id }) => _id);
      expect(await idsOf(MANY)).toEqual(ids);
      expect(await idsOf(3)).toEqual(ids.slice(0, 3));
      await store().outbox.published(ids.slice(1, 11));
      expect(await idsOf(MANY)).toEqual([ids[0], ids[11]]);
      await store().outbox.published([]);
      expect(await idsOf(MANY)).toEqual([ids[0], ids[11]]);
    });

    test("an identifier is never given twice: saying late that an entry is published takes no newer one out", async () => {
      const first = String((await started()).carried.outbox_id);
      await store().outbox.published([first]);
      const second = String((await started()).carried.outbox_id);
      await store().outbox.published([first]);
      expect((await unpublished()).map(({ _id }) => _id)).toEqual([second]);
    });

    test("of a transaction that fails nothing is left", async () => {
      const campaign = draft();
      await store().campaigns.create(campaign);
      const unknown: Step = JSON.parse(`{ "step": "no such step", "input": {} }`);
      await expect(store().carryOut([startOf(campaign), unknown])).rejects.toThrow("no such step");
      expect(await unpublished()).toEqual([]);
      expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "DRAFT" });
    });
  });
}
