/** Owns the contract of the channels themselves. */
import { describe, expect, test } from "vitest";
import { noMessages } from "../../campaign/campaign.ts";
import { type Channel, DEFAULT_CHANNEL_ID, defaultChannel, MAX_CHANNELS } from "../../channel/channel.ts";
import type { Store } from "../../ports/store.ts";
import { channel, draft, importLeads, leadInputs, NOW, startOf } from "../samples.ts";
import { admit, claimed, expandAll, running, steer, whatsAppTemplate } from "./world.ts";

/** With everything that a channel can have. */
const FULL: Channel = channel({
  _id: "shop-2",
  settings: {
    kind: "cloud",
    cloud: { phone_number_id: "1", business_account_id: "2", base_url: "http://127.0.0.1:9", api_version: "v23.0" },
  },
  secrets: "v1.sealed",
  messages_per_minute: 80,
  creates_leads: true,
  order: { order: "pair", method: "code", phone: "+4930901820", at: NOW },
  paired_at: NOW - 5,
});

export function describeChannels(store: () => Store): void {
  describe("channels", () => {
    test("the default one is there from the start, simulated, and cannot be made again or taken away", async () => {
      const known = await store().channels.read(DEFAULT_CHANNEL_ID);
      const at = known?.created_at ?? 0;
      expect(known).toEqual(defaultChannel(at));
      expect(await store().channels.create(defaultChannel(NOW))).toBe("taken");
      expect(await store().channels.remove(DEFAULT_CHANNEL_ID)).toEqual({ kind: "in_use", campaigns: [] });
      expect(await store().channels.read(DEFAULT_CHANNEL_ID)).toEqual(known);
    });

    test("are kept with all that they have, and listed behind the default one", async () => {
      expect(await store().channels.create(FULL)).toBe("created");
      expect(await store().channels.create(channel({ _id: "a" }))).toBe("created");
      expect(await store().channels.create(channel({ _id: "a", name: "Other" }))).toBe("taken");
      expect(await store().channels.read("shop-2")).toEqual(FULL);
      expect(await store().channels.read("b")).toBeNull();
      const listed = await store().channels.list();
      expect(listed.map(({ _id, name }) => [_id, name])).toEqual([
        ["default", "Default"],
        ["a", "Shop"],
        ["shop-2", "Shop"],
      ]);
      expect(listed[2]).toEqual(FULL);
    });

    test("are no more than one installation serves, also where several come at once", async () => {
      const names = Array.from({ length: MAX_CHANNELS - 3 }, (_, index) => `n-${index}`);
      for (const _id of names) await store().channels.create(channel({ _id }));
      const last = await Promise.all(["x", "y", "z"].map((_id) => store().channels.create(channel({ _id }))));
      expect(last.toSorted()).toEqual(["created", "created", "full"]);
      expect(await store().channels.list()).toHaveLength(MAX_CHANNELS);
      expect(await store().channels.create(channel({ _id: "n-0" }))).toBe("taken");
    });

    test("take the given fields, and leave the others", async () => {
      await store().channels.create(FULL);
      const changed = { ...FULL, name: "New", order: null, updated_at: NOW + 5 };
      const answer = await store().channels.change("shop-2", { name: "New", order: null }, NOW + 5, null);
      expect(answer).toEqual({ kind: "changed", channel: changed });
      expect(await store().channels.read("shop-2")).toEqual(changed);
      const settings = { kind: "web", web: { pause_seconds: { from: 5, to: 30 }, warm_up: true } } as const;
      await store().channels.change("shop-2", { settings, secrets: null, messages_per_minute: null }, NOW + 6, NOW + 5);
      expect(await store().channels.read("shop-2")).toMatchObject({ settings, secrets: null, messages_per_minute: null });
      expect(await store().channels.change("gone", { name: "New" }, NOW, null)).toBeNull();
    });

    test("are changed by one of several who have seen the same", async () => {
      await store().channels.create(channel());
      const answers = await Promise.all(["a", "b", "c"].map((name) => store().channels.change("shop", { name }, NOW, NOW)));
      expect(answers.map((answer) => answer?.kind ?? "gone").toSorted()).toEqual(["changed", "changed_since", "changed_since"]);
      const winner = answers.find((answer) => answer?.kind === "changed");
      const known = await store().channels.read("shop");
      expect(known).toEqual(winner?.channel);
      expect(known?.updated_at).toBeGreaterThan(NOW);
      expect(await store().channels.change("shop", { name: "d" }, NOW, NOW)).toEqual({ kind: "changed_since", channel: known });
    });
  });

  test("the messages of all campaigns over a channel are counted together", async () => {
    expect(await store().channels.counts("shop")).toEqual(noMessages());
    await importLeads(store(), leadInputs(4));
    for (const channel_id of ["shop", "shop", "default"]) {
      const campaign = draft({ channel_id });
      await store().campaigns.create(campaign);
      await store().carryOut([startOf(campaign)]);
      await expandAll(store(), campaign);
      await admit(store(), await claimed(store(), campaign, { max: 3 }));
    }
    expect(await store().channels.counts("shop")).toEqual({ ...noMessages(), SENDING: 6, PENDING: 2 });
    expect(await store().channels.counts("default")).toEqual({ ...noMessages(), SENDING: 3, PENDING: 1 });
  });

  describe("taking a channel away", () => {
    test("is refused while a campaign that is not finished sends over it", async () => {
      await store().channels.create(channel());
      expect(await store().channels.remove("gone")).toEqual({ kind: "not_found" });
      const [waits, runs, other] = [draft({ channel_id: "shop" }), draft({ channel_id: "shop" }), draft()];
      for (const campaign of [waits, runs, other]) await store().campaigns.create(campaign);
      await store().carryOut([startOf(runs)]);
      const campaigns = [waits._id, runs._id].toSorted();
      expect(await store().channels.remove("shop")).toEqual({ kind: "in_use", campaigns });
      await steer(store(), runs, "cancel");
      expect(await store().channels.remove("shop")).toEqual({ kind: "in_use", campaigns: [waits._id] });
      await store().campaigns.remove(waits._id);
      expect(await store().channels.remove("shop")).toEqual({ kind: "removed" });
      expect(await store().channels.read("shop")).toBeNull();
    });

    test("takes its session, its recipients and its templates along, and nobody else's", async () => {
      await store().channels.create(channel());
      for (const id of ["shop", "default"]) await fill(store(), id);
      expect(await remains(store(), "shop")).toEqual({ keys: 1, templates: 1, texts: 1, recipients: 1 });
      expect(await store().channels.remove("shop")).toEqual({ kind: "removed" });
      expect(await remains(store(), "shop")).toEqual({ keys: 0, templates: 0, texts: 0, recipients: 0 });
      expect(await remains(store(), "default")).toEqual({ keys: 1, templates: 1, texts: 1, recipients: 1 });
      expect(await holds(store(), "shop")).toBe(false);
      expect(await holds(store(), "default")).toBe(true);
    });

    test("leaves nothing behind for one that is called the same later, not even what was late", async () => {
      await fill(store(), "shop");
      expect(await store().channels.create(channel())).toBe("created");
      expect(await remains(store(), "shop")).toEqual({ keys: 0, templates: 0, texts: 0, recipients: 0 });
      expect(await holds(store(), "shop")).toBe(false);
    });
  });
}

const PHONE = "+14155550000";
const hold = { owner: "w1", wants: false, leaseMs: 60_000, now: NOW } as const;

/** A session with an entry, a template, a text and a recipient. */
async function fill(store: Store, channel_id: string): Promise<void> {
  await store.sessions.hold({ ...hold, channel_id });
  await store.sessions.write({ channel_id, owner: "w1", entries: { creds: "x" }, now: NOW });
  await store.templates.replace(channel_id, [whatsAppTemplate({ channel_id })]);
  const text = { version: 1, provider_id: `in-${channel_id}`, channel_id, from: PHONE, name: null, text: "Hi", at: NOW } as const;
  await store.carryOut([{ step: "hear", input: { texts: [text], now: NOW } }]);
  const campaign = await running(store, 1);
  await expandAll(store, campaign);
  const limits = { rate: null, recipientsPerDay: 10, pairMs: null };
  await admit(store, await claimed(store, campaign), { limits, channel: channel_id });
}

async function remains(store: Store, channelId: string) {
  return {
    keys: Object.keys(await store.sessions.read(channelId, ["creds"])).length,
    templates: (await store.templates.ofChannel(channelId)).length,
    texts: Object.keys(await store.contacts.lastTexts(channelId, [PHONE])).length,
    recipients: (await store.contacts.recipientUse(channelId, NOW)).recipients,
  };
}

async function holds(store: Store, channelId: string): Promise<boolean> {
  return store.sessions.write({ channel_id: channelId, owner: "w1", entries: {}, now: NOW });
}
