/** Owns the contract of the step `hear` for senders whom nobody knows yet: who of them becomes a lead. */
import { describe, expect, test } from "vitest";
import type { Store } from "../../ports/store.ts";
import { channel, NOW } from "../samples.ts";
import { ANA, HOUR_MS, hear, inbound } from "./world.ts";

const LATER = NOW + HOUR_MS;

export function describeStrangers(store: () => Store): void {
  const sort = { by: "created_at", direction: "asc" } as const;
  const allLeads = async () => (await store().leads.list({ page: 1, limit: 10, rule: null, sort, now: LATER })).items;
  const STRANGER = "+4930901820";
  const toShop = (text: string, fields: Parameters<typeof inbound>[1] = {}) =>
    inbound(text, { channel_id: "shop", from: STRANGER, ...fields });

  describe("somebody unknown who writes to a channel that makes leads", () => {
    test("becomes one, and the text is theirs", async () => {
      await store().channels.create(channel({ creates_leads: true }));
      const texts = [toShop("Hello", { name: "Zoë" }), toShop("Anybody there?", { name: "Zoë" })];
      expect(await hear(store(), texts)).toEqual({ heard: 2, opted_out: 0 });
      const [lead, ...others] = await allLeads();
      expect(others).toEqual([]);
      expect(lead).toMatchObject({ name: "Zoë", phones: [STRANGER], metadata: { source: "whatsapp" }, created_at: LATER });
      const id = lead?._id ?? "";
      expect(await store().inbound.ofLead(id, 10)).toMatchObject([{ lead_id: id }, { lead_id: id }]);
      const told = (await store().activity.after(0, 10)).map(({ kind, subject }) => [kind, subject]);
      expect(told).toEqual([
        ["message.received", id],
        ["message.received", id],
      ]);
      expect((await store().checks.leads(10)).problems).toEqual([]);
    });

    test("does not become one again by a text that is known, where somebody has taken them out", async () => {
      await store().channels.create(channel({ creates_leads: true }));
      const text = toShop("Hello");
      await hear(store(), [text]);
      await store().leads.remove((await allLeads())[0]?._id ?? "");
      expect(await hear(store(), [text])).toEqual({ heard: 0, opted_out: 0 });
      expect(await allLeads()).toEqual([]);
    });

    test("becomes one lead, however many hear it or bring them at the same moment", async () => {
      await store().channels.create(channel({ creates_leads: true }));
      const [one, two] = [toShop("Hello"), toShop("Hello again")];
      await Promise.all([
        hear(store(), [one]),
        hear(store(), [two]),
        hear(store(), [one, two]),
        store().leads.add({ phones: [STRANGER] }, NOW),
      ]);
      expect(await allLeads()).toHaveLength(1);
    });

    test("stays unknown where the channel does not, who they are is not known, or all they say is stop", async () => {
      await store().channels.create(channel({ creates_leads: true }));
      const texts = [
        inbound("Hello", { from: STRANGER }),
        toShop("Hello", { channel_id: "gone" }),
        toShop("Hello", { from: "user:u1", user_id: "u1" }),
        toShop("STOP"),
        toShop("Hello", { wish: "stop" }),
      ];
      expect(await hear(store(), texts)).toEqual({ heard: 5, opted_out: 0 });
      expect(await allLeads()).toEqual([]);
    });

    test("who has said stop before is one who wants no messages", async () => {
      await store().channels.create(channel({ creates_leads: true }));
      await hear(store(), [toShop("STOP", { at: NOW })]);
      await hear(store(), [toShop("How much is it?", { at: NOW + 1 })]);
      expect((await allLeads()).map(({ consent }) => consent)).toEqual([{ state: "opted_out", source: "STOP", at: NOW }]);
    });
  });

  test("a text of somebody whose number is not known is kept, and is nobody's", async () => {
    await store().leads.add({ name: "Ana", phones: [ANA] }, NOW);
    expect(await hear(store(), [inbound("STOP", { from: "user:u1", user_id: "u1" })])).toEqual({ heard: 1, opted_out: 0 });
    expect(await store().activity.after(0, 10)).toMatchObject([
      { kind: "message.received", subject: null, data: { from: "user:u1" } },
    ]);
  });
}
