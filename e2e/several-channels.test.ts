/** Proves that channels share workers and nothing else: limits, outages and removals of one are none of another's. */
import { NO_OPTIONS } from "@mini-crm/core/campaign/options";
import { preflight, startAsShown } from "@mini-crm/core/campaign/preflight";
import { finalOf, REMOVALS } from "@mini-crm/core/campaign/survey";
import { sendTest } from "@mini-crm/core/campaign/test-send";
import type { Channel } from "@mini-crm/core/channel/channel";
import { channel, draft, EVERYBODY, importLeads, leadInputs, newId, startOf } from "@mini-crm/core/contracts/samples";
import { plainText } from "@mini-crm/core/message/content";
import type { DirectMessage } from "@mini-crm/core/message/direct-message";
import { afterEach, describe, expect, test } from "vitest";
import { openWorld, type World, type WorldOptions } from "./simulated.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const CLOUD: Channel["settings"] = {
  kind: "cloud",
  cloud: { phone_number_id: "1", business_account_id: "2", base_url: "https://graph.facebook.com", api_version: "v23.0" },
};
/** Lies in the same partition as the default channel. */
const NEIGHBOUR = "west";

let world: World;
afterEach(() => world.close());

/** A working world with leads, and with the channels besides the default one. */
async function open(options: Partial<WorldOptions>, leads: number, channels: readonly Partial<Channel>[]): Promise<void> {
  world = openWorld({ seed: 1, rate: null, ...options });
  const { store, clock, bus } = world;
  const times = { created_at: clock.now(), updated_at: clock.now() };
  for (const fields of channels) {
    if (fields._id === "default") await store.channels.change("default", fields, clock.now(), null);
    else await store.channels.create(channel({ ...times, ...fields }));
  }
  await importLeads(store, leadInputs(leads), clock.now());
  await world.work("worker", bus);
}

const TEMPLATE = { name: "hello", language: "en_US", body: "Hello!", parameters: [] };

/** Runs a campaign to everybody over a channel, which sends its template to whoever may be sent nothing else. */
async function run(channel_id: string): Promise<string> {
  const { store, clock, bus } = world;
  const campaign = draft({ channel_id, created_at: clock.now(), updated_at: clock.now() });
  await store.campaigns.create(campaign);
  const { input, step } = startOf(campaign, { content: { media: null, buttons: [], template: TEMPLATE } });
  await bus.commit([{ step, input: { ...input, frozen: { ...input.frozen, cutoff: clock.now() }, now: clock.now() } }]);
  return campaign._id;
}

const counts = async (campaignId: string) => (await world.store.campaigns.read(campaignId))?.counts;
const isCompleted = (id: string) => async () => (await world.store.campaigns.read(id))?.status === "COMPLETED";
const leftOver = (channelId: string) => world.simulatorOf(channelId).outbox({ page: 1, limit: 10_000 });

function direct(fields: Partial<DirectMessage>): DirectMessage {
  const times = { sending_at: null, sent_at: null, delivered_at: null, read_at: null };
  const unsent = { status: "PENDING", code: null, reason: null, provider_id: null, ...times } as const;
  const about = { campaign_id: null, lead_id: newId(), variant: null, content: plainText("Hi") };
  return { _id: newId(), channel_id: "default", phone: "+4930901820", created_at: 0, ...about, ...unsent, ...fields };
}

async function directsTo(lead_id: string) {
  return (await world.store.direct.ofLead(lead_id, 10)).map(({ status, code }) => ({ status, code }));
}

describe("a campaign", () => {
  test("is not held up by a channel of the same partition that may send one message a minute", async () => {
    await open({}, 1_000, [{ _id: "default", messages_per_minute: 1 }, { _id: NEIGHBOUR }]);
    const slow = await run("default");
    await world.clock.advance(1_000);
    const fast = await run(NEIGHBOUR);
    await world.clock.advance(15_000);
    expect((await counts(fast))?.PENDING).toBe(0);
    expect(leftOver(NEIGHBOUR).total).toBe(1_000);
    await world.clock.advance(10 * MINUTE_MS);
    expect(leftOver("default").total).toBe(11);
    expect((await counts(slow))?.PENDING).toBe(989);
  });

  test("goes on while a WhatsApp of the same partition does not answer", async () => {
    await open({}, 800, [{ _id: NEIGHBOUR, settings: CLOUD }]);
    world.simulatorOf("default").behave({ hangShare: 1, hangFor: { fromMs: 60_000, toMs: 60_000 } });
    const [, fast] = [await run("default"), await run(NEIGHBOUR)];
    await world.clock.advance(17_000);
    // 80 a second as soon as the first turn is over, without the wait of 20 seconds for the other one's answers.
    expect((await counts(fast))?.PENDING).toBe(0);
  });

  test("that was started earlier goes first, however often both had to wait", async () => {
    await open({ rate: { messages: 20, windowMs: 30_000 } }, 100, []);
    const first = await run("default");
    await world.clock.advance(12_000);
    const second = await run("default");
    await world.advanceUntil(isCompleted(second), DAY_MS);
    const order = leftOver("default").items.map(({ message_id }) => message_id.slice(0, 24));
    expect(order).toEqual([...new Array<string>(100).fill(first), ...new Array<string>(100).fill(second)]);
  });

  test("whose channel was removed is held when its failed ones are tried again, and goes on over one of the same name", async () => {
    const notOnWhatsApp = ["+14155550003"];
    await open({}, 5, [{ _id: NEIGHBOUR }]);
    const { store, bus, clock } = world;
    world.simulatorOf(NEIGHBOUR).behave({ notOnWhatsApp });
    const id = await run(NEIGHBOUR);
    await world.advanceUntil(isCompleted(id), DAY_MS);
    expect(await store.channels.remove(NEIGHBOUR)).toEqual({ kind: "removed" });
    await world.advanceUntil(async () => world.simulatorOf(NEIGHBOUR).health().state === "stopped", MINUTE_MS);

    const choice = { status: "FAILED", code: null, lead_ids: null } as const;
    await bus.commit([
      { step: "retry", input: { campaign_id: id, choice, after: null, limit: 9, expected: 1, now: clock.now() } },
    ]);
    await world.clock.advance(10_000);
    expect(await store.campaigns.read(id)).toMatchObject({ status: "PAUSED", hold: { code: "channel_gone" } });

    world.simulatorOf(NEIGHBOUR).behave({ notOnWhatsApp: [] });
    await store.channels.create(channel({ _id: NEIGHBOUR, created_at: clock.now(), updated_at: clock.now() }));
    await bus.commit([{ step: "steer", input: { campaign_id: id, command: "resume", now: clock.now() } }]);
    await world.advanceUntil(isCompleted(id), DAY_MS);
    expect(await counts(id)).toMatchObject({ FAILED: 0, PENDING: 0 });
  });
});

test("a young number that behaves like a person writes to twenty people on its first day, half a minute apart and more", async () => {
  const web = { pause_seconds: { from: 5, to: 30 }, warm_up: true };
  await open({}, 30, [{ _id: NEIGHBOUR, settings: { kind: "web", web } }]);
  const id = await run(NEIGHBOUR);
  await world.clock.advance(2 * 60 * MINUTE_MS);
  const times = leftOver(NEIGHBOUR).items.map(({ handed_over_at }) => handed_over_at);
  expect(times).toHaveLength(20);
  const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(30_000);
  expect(Math.max(...gaps)).toBeLessThan(65_000);
  expect(await counts(id)).toMatchObject({ PENDING: 10 });
});

describe("a message to one person", () => {
  test("does not wait for the limit of another channel", async () => {
    await open({}, 0, [{ _id: "default", messages_per_minute: 1 }, { _id: NEIGHBOUR }]);
    const waiting = Array.from({ length: 20 }, () => direct({}));
    const reply = direct({ channel_id: NEIGHBOUR });
    await world.bus.commit([{ step: "write", input: { messages: [...waiting, reply] } }]);
    await world.clock.advance(5_000);
    const late = direct({ channel_id: NEIGHBOUR });
    await world.bus.commit([{ step: "write", input: { messages: [late] } }]);
    await world.clock.advance(5_000);
    expect(leftOver(NEIGHBOUR).total).toBe(2);
    await world.clock.advance(25 * MINUTE_MS);
    expect(leftOver("default").items.map(({ message_id }) => message_id)).toEqual(waiting.map(({ _id }) => _id));
  });

  test("over a channel that was removed has failed, and holds nobody up", async () => {
    await open({}, 0, []);
    const [gone, other] = [direct({ channel_id: "gone" }), direct({})];
    await world.bus.commit([{ step: "write", input: { messages: [gone, other] } }]);
    await world.clock.advance(5_000);
    expect(await directsTo(gone.lead_id)).toEqual([{ status: "FAILED", code: "channel_gone" }]);
    expect(await directsTo(other.lead_id)).toMatchObject([{ code: null }]);
    expect(leftOver("default").total).toBe(1);
  });
});

describe("over the Cloud API", () => {
  const parameters = [{ name: null, value: "{{ metadata.tier }}" }];
  const template = { name: "hello", language: "en_US", parameters };

  /** Everybody is a lead; every second one has just written, and every third one has no tier. */
  async function openShop(): Promise<void> {
    await open({}, 0, [{ _id: NEIGHBOUR, settings: CLOUD }]);
    const { store, bus, clock } = world;
    const known = { status: "APPROVED", header: null, footer: null, buttons: [], synced_at: 0, category: "MARKETING" };
    await store.templates.replace(NEIGHBOUR, [
      { channel_id: NEIGHBOUR, name: "hello", language: "en_US", body: "Dear {{1}} customer", ...known },
    ]);
    const inputs = leadInputs(60).map((input, index) => ({ ...input, metadata: index % 3 === 0 ? {} : { tier: "gold" } }));
    await importLeads(store, inputs, clock.now());
    const texts = inputs.flatMap(({ phones = [] }, index) =>
      index % 2 === 0 ? phones.map((from) => ({ from, provider_id: `text ${index}` })) : [],
    );
    const common = { version: 1, channel_id: NEIGHBOUR, name: null, text: "hello", at: clock.now() } as const;
    await bus.commit([{ step: "hear", input: { texts: texts.map((text) => ({ ...common, ...text })), now: clock.now() } }]);
  }

  async function campaignWith(options: Partial<typeof NO_OPTIONS>): Promise<string> {
    const { store, clock } = world;
    const times = { created_at: clock.now(), updated_at: clock.now() };
    const segment = { _id: newId(), name: "All", owner_user_id: "admin", rule_ast: EVERYBODY, ...times };
    await store.segments.create(segment);
    const campaign = draft({ channel_id: NEIGHBOUR, segment_id: segment._id, options: { ...NO_OPTIONS, ...options }, ...times });
    await store.campaigns.create(campaign);
    return campaign._id;
  }

  test.each([
    ["with a template", { template }, { outside_window: 0, blank_variable: 10 }, 20],
    ["without one", {}, { outside_window: 30, blank_variable: 0 }, 0],
  ])("the ledger of a run %s says what its pre-flight showed", async (_what, options, removed, byTemplate) => {
    await openShop();
    const id = await campaignWith(options);
    const shown = await preflight(world, id, "token");
    if (shown.kind !== "shown") throw new Error(`Nothing was shown: ${shown.kind}`);
    const { survey } = shown.preflight;
    expect(survey.removed).toMatchObject(removed);
    expect(survey.by_template).toBe(byTemplate);
    expect(await startAsShown(world, id, "token")).toEqual({ kind: "started", audience: 60 });
    await world.advanceUntil(isCompleted(id), 2 * DAY_MS);
    const { items } = await world.store.messages.ofCampaign(id, { page: 1, limit: 100, status: null, code: null });
    const skipped = (code: string) => items.filter((message) => message.code === code).length;
    expect(survey.removed).toEqual(Object.fromEntries(REMOVALS.map((removal) => [removal, skipped(removal)])));
    expect(items.filter(({ sent_at }) => sent_at !== null)).toHaveLength(finalOf(survey));
    expect(leftOver(NEIGHBOUR).items.filter(({ text }) => text === "Dear gold customer")).toHaveLength(byTemplate);
  });

  test("a test goes out as the template to whoever may be sent nothing else", async () => {
    await openShop();
    const id = await campaignWith({ template });
    const phones = ["+14155550002", "+14155550001"];
    const lead_id = (await world.store.segments.sample(EVERYBODY, 2, world.clock.now()))[1]?._id ?? "";
    const sent = await sendTest({ ...world, newId }, id, { to: phones, lead_id, variant: null });
    if (sent.kind !== "queued") throw new Error(`Nothing was sent: ${JSON.stringify(sent)}`);
    await world.clock.advance(5_000);
    expect(leftOver(NEIGHBOUR).items.map(({ to, text }) => [to, text])).toEqual([
      ["+14155550002", "Hi Lead 1!"],
      ["+14155550001", "Dear gold customer"],
    ]);
    expect(sent.tests.map(({ content }) => content.template?.name ?? null)).toEqual([null, "hello"]);
  });

  test("a test that could only go out as a template is refused where the campaign has none", async () => {
    await openShop();
    const id = await campaignWith({});
    const sent = await sendTest({ ...world, newId }, id, { to: ["+14155550001"], lead_id: null, variant: null });
    expect(sent).toMatchObject({ kind: "not_rendered", reason: expect.stringContaining("no approved template") });
  });
});
