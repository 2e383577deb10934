/** Proves, over hours of virtual time, that campaigns start at their time and once, wait for a person where they must, and pause at once. */
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { NO_CONTENT } from "@mini-crm/core/campaign/earlier-versions";
import { NO_OPTIONS } from "@mini-crm/core/campaign/options";
import { freeze } from "@mini-crm/core/campaign/start-campaign";
import { draft, EVERYBODY, importLeads, leadInputs, newId } from "@mini-crm/core/contracts/samples";
import { afterEach, describe, expect, test } from "vitest";
import { openWorld, type World, type WorldOptions } from "./simulated.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let world: World | null = null;
afterEach(async () => {
  await world?.close();
  world = null;
});

function open(options: Partial<WorldOptions> = {}): World {
  world = openWorld({ seed: 1, rate: null, ...options });
  return world;
}

/** A campaign to everybody, of whom there are `leads`. */
async function createCampaign({ store, clock }: World, leads: number, fields: Partial<Campaign> = {}): Promise<Campaign> {
  const now = clock.now();
  if (leads > 0) await importLeads(store, leadInputs(leads), now);
  const segment_id = newId();
  const common = { created_at: now, updated_at: now };
  await store.segments.create({ _id: segment_id, name: "All", owner_user_id: "admin", rule_ast: EVERYBODY, ...common });
  const campaign = draft({ segment_id, ...common, ...fields });
  await store.campaigns.create(campaign);
  return campaign;
}

async function schedule({ bus, clock }: World, { _id }: Campaign, at: number | null, graceMs = 10 * MINUTE_MS): Promise<void> {
  const [result] = await bus.commit([{ step: "schedule", input: { campaign_id: _id, at, graceMs, now: clock.now() } }]);
  expect(result.kind).toBe("steered");
}

async function read({ store }: World, { _id }: Campaign): Promise<Campaign> {
  const campaign = await store.campaigns.read(_id);
  if (campaign === null) throw new Error("The campaign is gone");
  return campaign;
}

const left = ({ simulator }: World) => simulator.outbox({ page: 1, limit: 100_000 }).items;

describe("a scheduled campaign", () => {
  test("starts at its time, once, though two sets of workers look", async () => {
    const it = open();
    const campaign = await createCampaign(it, 20);
    const at = it.clock.now() + HOUR_MS;
    await schedule(it, campaign, at);
    const sets = [await it.work("one"), await it.work("two")];
    await it.clock.advance(HOUR_MS - 1_000);
    expect([await read(it, campaign), left(it)]).toMatchObject([{ status: "SCHEDULED" }, []]);
    await it.advanceUntil(async () => (await read(it, campaign)).status === "COMPLETED", HOUR_MS);
    const { started_at, counts } = await read(it, campaign);
    expect(counts.DELIVERED + counts.READ).toBe(20);
    expect((started_at ?? 0) - at).toBeGreaterThanOrEqual(0);
    expect((started_at ?? 0) - at).toBeLessThanOrEqual(1_000);
    expect([left(it).length, it.simulator.sentMoreThanOnce()]).toEqual([20, 0]);
    expect(sets.reduce((sum, { scheduler }) => sum + scheduler.stats().started, 0)).toBe(1);
    expect(sets.map(({ scheduler }) => scheduler.stats().errors)).toEqual([0, 0]);
  });

  test("missed by more than its grace waits for a person and says so; run or scheduled anew, it goes", async () => {
    const it = open();
    const campaign = await createCampaign(it, 5);
    const at = it.clock.now() + HOUR_MS;
    await schedule(it, campaign, at, 10 * MINUTE_MS);
    await it.clock.advance(HOUR_MS + 10 * MINUTE_MS + 1);
    await it.work("late");
    await it.clock.advance(HOUR_MS);
    const { status, hold } = await read(it, campaign);
    expect([status, left(it)]).toEqual(["SCHEDULED", []]);
    expect(hold).toMatchObject({
      code: "schedule_missed",
      reason:
        "It was to start at 2025-01-15T13:00:00.000Z, and nothing was running then: run it now, schedule it anew, or unschedule it",
    });
    await schedule(it, campaign, it.clock.now() + MINUTE_MS);
    await it.advanceUntil(async () => (await read(it, campaign)).status === "COMPLETED", HOUR_MS);
    expect([(await read(it, campaign)).hold, left(it).length]).toEqual([null, 5]);
  });

  test("missed by less than its grace starts as soon as something runs", async () => {
    const it = open();
    const campaign = await createCampaign(it, 5);
    await schedule(it, campaign, it.clock.now() + HOUR_MS, 10 * MINUTE_MS);
    await it.clock.advance(HOUR_MS + 9 * MINUTE_MS);
    const { scheduler } = await it.work("late");
    await it.advanceUntil(async () => (await read(it, campaign)).status === "COMPLETED", HOUR_MS);
    expect([scheduler.stats().started, left(it).length]).toEqual([1, 5]);
  });

  test("with nobody to go to at its time waits for a person", async () => {
    const it = open();
    const campaign = await createCampaign(it, 0);
    await schedule(it, campaign, it.clock.now() + MINUTE_MS);
    const { scheduler } = await it.work("one");
    await it.clock.advance(HOUR_MS);
    expect(await read(it, campaign)).toMatchObject({ status: "SCHEDULED", hold: { code: "empty_audience" } });
    expect(scheduler.stats()).toMatchObject({ started: 0, errors: 0 });
  });

  test("that expired while nothing ran waits for a person", async () => {
    const it = open();
    const now = it.clock.now();
    const campaign = await createCampaign(it, 5, { options: { ...NO_OPTIONS, expires_at: now + HOUR_MS } });
    await schedule(it, campaign, now + MINUTE_MS, 24 * HOUR_MS);
    await it.clock.advance(2 * HOUR_MS);
    await it.work("late");
    await it.clock.advance(MINUTE_MS);
    expect(await read(it, campaign)).toMatchObject({ status: "SCHEDULED", hold: { code: "expired" } });
  });

  test("unscheduled in time does not start", async () => {
    const it = open();
    const campaign = await createCampaign(it, 5);
    await it.work("one");
    await schedule(it, campaign, it.clock.now() + MINUTE_MS);
    await it.clock.advance(MINUTE_MS - 2_000);
    await schedule(it, campaign, null);
    await it.clock.advance(HOUR_MS);
    expect([(await read(it, campaign)).status, left(it)]).toEqual(["DRAFT", []]);
  });
});

describe("a campaign that is paused", () => {
  const LATENCY_MS = 250;
  const LEADS = 6_000;

  test.each([1, 2, 3])("sends nothing later than a second after that, and resumed loses no place: seed %i", async (seed) => {
    const it = open({ seed, behaviour: { latency: { fromMs: 50, toMs: LATENCY_MS } } });
    const campaign = await createCampaign(it, LEADS);
    const frozen = freeze(campaign, NO_CONTENT, EVERYBODY, it.clock.now());
    for (const worker of ["one", "two", "three"]) await it.work(worker);
    await it.bus.commit([
      {
        step: "start",
        input: { campaign_id: campaign._id, seenAt: campaign.updated_at, frozen, expected: LEADS, now: it.clock.now() },
      },
    ]);
    while (it.simulator.outbox({ page: 1, limit: 1 }).total === 0) await it.clock.advance(20);
    await it.clock.advance(Math.floor(it.clock.random() * LATENCY_MS));

    await it.bus.commit([{ step: "steer", input: { campaign_id: campaign._id, command: "pause", now: it.clock.now() } }]);
    const pausedAt = it.clock.now();
    await it.clock.advance(5 * MINUTE_MS);
    const latest = Math.max(...left(it).map(({ at }) => at));
    expect(latest).toBeLessThanOrEqual(pausedAt + 1_000 + LATENCY_MS);
    const { counts } = await read(it, campaign);
    expect(counts).toMatchObject({ CLAIMED: 0, SENDING: 0 });
    expect(counts.PENDING).toBeGreaterThan(0);
    expect(left(it).length).toBe(LEADS - counts.PENDING);

    await it.bus.commit([{ step: "steer", input: { campaign_id: campaign._id, command: "resume", now: it.clock.now() } }]);
    await it.advanceUntil(async () => left(it).length === LEADS, MINUTE_MS);
    expect(it.simulator.sentMoreThanOnce()).toBe(0);
  });
});
