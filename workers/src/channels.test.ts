import { type Channel, type ChannelOrder, defaultChannel } from "@mini-crm/core/channel/channel";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import type { OrderAnswer, WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { channelSignOf } from "./channel-sign.ts";
import { type Channels, startChannels } from "./channels.ts";
import { DEFAULT_TIMING } from "./start-workers.ts";
import { openTestEngines, type TestEngines } from "./test-engines.ts";

let engines: TestEngines;
let channels: Channels | null = null;
/** What was done to the providers, in its order. */
let done: string[] = [];
/** What is another way with a channel's provider than the simulator's. */
let special: Record<string, (simulated: WhatsAppProvider) => Partial<WhatsAppProvider>> = {};
let refusedToOpen: Record<string, Error> = {};

beforeEach(async () => {
  engines = await openTestEngines();
  done = [];
  special = {};
  refusedToOpen = {};
  channels = null;
});
afterEach(async () => {
  await channels?.close();
  await engines.close();
});

async function open(channel: Channel): Promise<WhatsAppProvider> {
  const { _id } = channel;
  done.push(`open ${_id}`);
  if (refusedToOpen[_id] !== undefined) throw refusedToOpen[_id];
  const simulated = engines.simulator(_id);
  const provider = { ...simulated, ...special[_id]?.(simulated) };
  return {
    ...provider,
    async stop() {
      done.push(`stop ${_id}`);
      await provider.stop();
    },
  };
}

async function start(): Promise<Channels> {
  const access = { open, limitsOf: () => NO_LIMITS };
  channels = await startChannels(engines.deps, access, { ...DEFAULT_TIMING, receiptWindowMs: 0 });
  return channels;
}

const WEB: Channel["settings"] = { kind: "web", web: { pause_seconds: { from: 0, to: 0 }, warm_up: false } };
const cloudAt = (base_url: string): Channel["settings"] => {
  return { kind: "cloud", cloud: { phone_number_id: "1", business_account_id: "2", base_url, api_version: "v23.0" } };
};

async function create(fields: Partial<Channel>): Promise<void> {
  const { store, clock } = engines.deps;
  await store.channels.create({ ...defaultChannel(clock.now()), _id: "shop", ...fields });
}
async function change(fields: Parameters<TestEngines["deps"]["store"]["channels"]["change"]>[1]): Promise<void> {
  await engines.deps.store.channels.change("shop", fields, engines.deps.clock.now(), null);
}
const shop = () => engines.deps.store.channels.read("shop");
const look = () => engines.deps.clock.advance(DEFAULT_TIMING.channelsEveryMs);
const statesOf = (all: Channels) =>
  Object.fromEntries(all.all().map((sender) => [sender.channel()._id, channelSignOf(sender).state]));

describe("channels come and go", () => {
  test("those that are there are connected at the start, and those that are added soon after", async () => {
    await create({});
    const all = await start();
    expect(statesOf(all)).toEqual({ default: "open", shop: "open" });
    await create({ _id: "branch" });
    await look();
    expect(statesOf(all)).toEqual({ default: "open", shop: "open", branch: "open" });
  });

  test("one that was just made can be sent over before anybody has looked", async () => {
    const all = await start();
    await create({});
    const sender = await all.current("shop");
    expect(typeof sender === "object" && sender.channel()._id).toBe("shop");
    expect(await all.current("nowhere")).toBe("gone");
  });

  test("one that is removed is disconnected", async () => {
    await create({});
    const all = await start();
    await engines.deps.store.channels.remove("shop");
    expect(await all.current("shop")).toBe("gone");
    await look();
    expect(statesOf(all)).toEqual({ default: "open" });
    expect(done).toContain("stop shop");
  });

  test("one that is removed and made again under its name has another connection", async () => {
    await create({ settings: WEB });
    const all = await start();
    const before = await all.current("shop");
    await engines.deps.store.channels.remove("shop");
    await create({ settings: WEB, created_at: engines.deps.clock.now() + 10 });
    await look();
    expect(await all.current("shop")).not.toBe(before);
    expect(done.filter((what) => what.endsWith("shop"))).toEqual(["open shop", "stop shop", "open shop"]);
  });

  test("all are disconnected at the end", async () => {
    await create({});
    const all = await start();
    await all.close();
    channels = null;
    expect(done.toSorted()).toEqual(["open default", "open shop", "stop default", "stop shop"]);
  });
});

describe("a channel that is changed", () => {
  test("keeps its connection where the change is none of it", async () => {
    await create({ settings: WEB });
    const all = await start();
    const before = await all.current("shop");
    await change({ name: "Renamed", settings: { ...WEB, web: { ...WEB.web, warm_up: true } } });
    const after = await all.current("shop");
    expect(after).toBe(before);
    expect(typeof after === "object" && after.channel().name).toBe("Renamed");
  });

  test("is connected anew where it is, once, however many ask", async () => {
    await create({ settings: cloudAt("https://one.example") });
    const all = await start();
    await change({ settings: cloudAt("https://two.example") });
    const asked = await Promise.all([all.current("shop"), all.current("shop"), look().then(() => all.current("shop"))]);
    expect(new Set(asked).size).toBe(1);
    expect(done.filter((what) => what.endsWith("shop"))).toEqual(["open shop", "stop shop", "open shop"]);
  });

  test("is not changed back by whoever has read it a little earlier", async () => {
    await create({ settings: cloudAt("https://one.example") });
    const { store } = engines.deps;
    const list = store.channels.list.bind(store.channels);
    const old = await list();
    const all = await start();
    await change({ settings: cloudAt("https://two.example") });
    await all.current("shop");
    store.channels.list = async () => old;
    await look();
    const [, sender] = all.all();
    expect(sender?.channel().settings).toEqual(cloudAt("https://two.example"));
    expect(done.filter((what) => what === "open shop")).toHaveLength(2);
  });
});

describe("a channel that cannot be connected", () => {
  test("says why, sends nothing, and is tried again until it can", async () => {
    await create({});
    refusedToOpen["shop"] = new Error("The secrets were sealed by another key");
    const all = await start();
    const [, sender] = all.all();
    if (sender === undefined) throw new Error("Nothing stands in for the channel");
    expect(channelSignOf(sender)).toMatchObject({ connected: false, reason: "The secrets were sealed by another key" });
    expect(
      await sender.provider.send({ messageId: "1", to: "+49", text: "", media: null, buttons: [], template: null }),
    ).toMatchObject({
      kind: "session",
    });
    await look();
    expect(all.all()[1]).toBe(sender);
    expect(all.stats().errors).toBe(1);
    refusedToOpen = {};
    await look();
    expect(statesOf(all)).toEqual({ default: "open", shop: "open" });
  });

  test("because it does not start leaves nothing behind", async () => {
    await create({});
    special["shop"] = () => ({ start: () => Promise.reject(new Error("No network")) });
    const all = await start();
    expect(all.all().map((sender) => channelSignOf(sender).reason)).toEqual([null, "No network"]);
    expect(done).toContain("stop shop");
    special = {};
    await look();
    expect(statesOf(all)).toMatchObject({ shop: "open" });
  });

  test("because it starts for ever holds up no other", async () => {
    await create({ _id: "aaa" });
    special["aaa"] = () => ({ start: () => new Promise(() => {}) });
    const starting = start();
    await engines.deps.clock.advance(2_000);
    const all = await starting;
    expect(statesOf(all)).toMatchObject({ default: "open" });
    const waits = all.current("aaa");
    await engines.deps.clock.advance(1_000);
    expect(await waits).toBe("unopened");
    await create({});
    await look();
    expect(statesOf(all)).toMatchObject({ default: "open", shop: "open" });
    await engines.deps.clock.advance(5_000);
    expect(typeof (await all.current("aaa"))).toBe("object");
  });

  test("because its old connection does not end as it should is connected all the same", async () => {
    await create({ settings: cloudAt("https://one.example") });
    special["shop"] = () => ({ stop: () => Promise.reject(new Error("Broken pipe")) });
    const all = await start();
    await change({ settings: cloudAt("https://two.example") });
    await look();
    expect(all.all()[1]?.channel().settings).toEqual(cloudAt("https://two.example"));
    special = {};
  });
});

describe("what a person orders", () => {
  const PAIR: ChannelOrder = { order: "pair", method: "qr", phone: null, at: 5 };
  /** Every order that was carried out. */
  let ordered: string[] = [];
  let answer: () => Promise<OrderAnswer>;
  beforeEach(async () => {
    ordered = [];
    answer = async () => ({ kind: "done" });
    special["shop"] = () => ({
      async pair() {
        ordered.push("pair");
        return answer();
      },
      async logOut() {
        ordered.push("log out");
        return answer();
      },
    });
    await create({ settings: WEB, order: PAIR });
  });

  test("is carried out once, and then when the number was first paired is noted", async () => {
    await start();
    await look();
    await look();
    expect(ordered).toEqual(["pair"]);
    expect(await shop()).toMatchObject({ order: null, paired_at: expect.any(Number) });
  });

  test("is carried out once although the channel is changed meanwhile", async () => {
    answer = async () => {
      await change({ name: "Renamed" });
      return { kind: "done" };
    };
    await start();
    await look();
    await look();
    expect(ordered).toEqual(["pair"]);
    expect(await shop()).toMatchObject({ order: null, name: "Renamed" });
  });

  test("is carried out once although that cannot be written down at first", async () => {
    const { store } = engines.deps;
    const changed = store.channels.change.bind(store.channels);
    store.channels.change = () => Promise.reject(new Error("The disk is full"));
    await start();
    await look();
    store.channels.change = changed;
    await look();
    expect(ordered).toEqual(["pair"]);
    expect((await shop())?.order).toBeNull();
  });

  test("is not lost where something else is ordered meanwhile", async () => {
    answer = async () => {
      answer = async () => ({ kind: "done" });
      await change({ order: { order: "log_out", at: 6 } });
      return { kind: "done" };
    };
    await start();
    await look();
    await look();
    expect(ordered).toEqual(["pair", "log out"]);
  });

  test("waits where this process has not got the session, until it has", async () => {
    answer = async () => ({ kind: "refused", reason: "Another process has the session" });
    await start();
    await look();
    expect((await shop())?.order).toEqual(PAIR);
    answer = async () => ({ kind: "done" });
    await look();
    expect((await shop())?.order).toBeNull();
  });
});
