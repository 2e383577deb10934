/** Proves over days of virtual time that a campaign is no nuisance: quiet hours, expiry, caps and the autopilot. */
import { ledgerOf } from "@mini-crm/core/campaign/campaign";
import { quietUntil } from "@mini-crm/core/campaign/quiet-hours";
import { afterEach, expect, test } from "vitest";
import { openSimulated, type Simulated, type SimulatedOptions } from "./simulated.ts";

const HOUR_MS = 3_600_000;
const ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "America/Chicago"];
const NIGHT = { from: "20:00", to: "09:00", timezone: "UTC" };

let simulated: Simulated | null = null;
afterEach(async () => {
  await simulated?.close();
  simulated = null;
});

async function open(options: SimulatedOptions): Promise<Simulated> {
  simulated = await openSimulated(options);
  return simulated;
}

const isCompleted = (run: Simulated) => async () => (await run.campaign()).status === "COMPLETED";
const sentBy = (run: Simulated) => run.simulator.outbox({ page: 1, limit: 1_000 }).items;

test("everybody is written to in their own day, wherever they live, as soon as it begins", async () => {
  const zoneOf = (index: number) => ZONES[index % ZONES.length] ?? "UTC";
  const run = await open({
    seed: 20,
    leads: 80,
    rate: null,
    options: { quiet_hours: NIGHT },
    lead: (index) => ({ timezone: zoneOf(index) }),
  });
  const start = run.clock.now();
  await run.clock.advance(60_000);
  // It is noon in UTC: 13:00 in Berlin, 17:30 in Kolkata, but 7:00 in New York and 6:00 in Chicago.
  expect(ledgerOf(await run.campaign())).toMatchObject({ sent: 40, pending: 40 });
  expect(await run.store.messages.nextDue((await run.campaign())._id)).toEqual({
    due_at: start + 2 * HOUR_MS,
    code: "quiet_hours",
    last_due_at: start + 3 * HOUR_MS,
  });
  await run.advanceUntil(isCompleted(run), 4 * HOUR_MS);
  const sent = sentBy(run);
  expect(sent).toHaveLength(80);
  for (const { to, at } of sent) expect(quietUntil(NIGHT, zoneOf(Number(to.slice(-4))), at), to).toBeNull();
  const latest = Math.max(...sent.filter(({ to }) => Number(to.slice(-4)) % 4 === 1).map(({ at }) => at));
  expect(latest - (start + 2 * HOUR_MS)).toBeLessThan(10_000);
});

test("what has not gone out when a campaign expires never does", async () => {
  const run = await open({
    seed: 21,
    leads: 100,
    rate: { messages: 10, windowMs: 60_000 },
    options: { expires_at: Date.UTC(2025, 0, 15, 12) + 150_000 },
  });
  await run.advanceUntil(isCompleted(run), HOUR_MS);
  expect(ledgerOf(await run.campaign())).toMatchObject({ audience: 100, sent: 30, skipped: 70, pending: 0 });
  const { items } = await run.store.messages.ofCampaign((await run.campaign())._id, {
    page: 1,
    limit: 100,
    status: "SKIPPED",
    code: "expired",
  });
  expect(items).toHaveLength(70);
  expect(sentBy(run)).toHaveLength(30);
});

const CANARY = { percent: 10, wait_minutes: 10, max_failed_percent: 20, max_opted_out_percent: 5 };

test("the autopilot sends to a few, waits, and then to everybody", async () => {
  const run = await open({ seed: 22, leads: 200, rate: null, options: { canary: CANARY } });
  await run.clock.advance(9 * 60_000);
  expect(sentBy(run)).toHaveLength(20);
  await run.advanceUntil(isCompleted(run), HOUR_MS);
  expect(sentBy(run)).toHaveLength(200);
});

test("where too many of the few fail, the autopilot pauses and a person decides", async () => {
  const run = await open({
    seed: 23,
    leads: 200,
    rate: null,
    options: { canary: CANARY },
    behaviour: { notOnWhatsAppShare: 0.6 },
  });
  await run.clock.advance(11 * 60_000);
  const paused = await run.campaign();
  expect(paused).toMatchObject({
    status: "PAUSED",
    hold: { code: "too_many_failed", reason: expect.stringMatching(/of 20 messages/) },
  });
  expect(ledgerOf(paused)).toMatchObject({ pending: 180 });
  await run.clock.advance(HOUR_MS);
  expect(ledgerOf(await run.campaign())).toMatchObject({ pending: 180 });
  await run.steer("resume");
  await run.advanceUntil(isCompleted(run), HOUR_MS);
  expect(ledgerOf(await run.campaign())).toMatchObject({ pending: 0, audience: 200 });
});
