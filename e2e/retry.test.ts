/** Proves that messages which a person has tried again go all the way, in a campaign that was done. */
import { differencesOf } from "@mini-crm/core/campaign/audit";
import { ledgerOf } from "@mini-crm/core/campaign/campaign";
import type { RetryableStatus } from "@mini-crm/core/message/retry";
import { afterEach, expect, test } from "vitest";
import { openSimulated, type Simulated, type SimulatedOptions } from "./simulated.ts";

const HOUR_MS = 3_600_000;
const LEADS = 120;

let simulated: Simulated | null = null;
afterEach(async () => {
  await simulated?.close();
  simulated = null;
});

async function completed(behaviour: NonNullable<SimulatedOptions["behaviour"]>): Promise<Simulated> {
  const run = await openSimulated({ seed: 11, leads: LEADS, rate: { messages: 30, windowMs: 60_000 }, behaviour });
  simulated = run;
  await run.advanceUntil(async () => (await run.campaign()).status === "COMPLETED", 2 * HOUR_MS);
  return run;
}

/** Has all with the status tried again, and waits until the campaign is done once more. */
async function retryAll(run: Simulated, status: RetryableStatus): Promise<void> {
  const choice = { status, code: null, lead_ids: null };
  const { _id } = await run.campaign();
  const input = { campaign_id: _id, choice, after: null, limit: 1_000, expected: null, now: run.clock.now() };
  await run.bus.commit([{ step: "retry", input }]);
  expect((await run.campaign()).status).toBe("RUNNING");
  await run.advanceUntil(async () => (await run.campaign()).status === "COMPLETED", 2 * HOUR_MS);
  expect(differencesOf(await run.store.messages.audit(_id))).toEqual([]);
}

test("those who were not on WhatsApp get the message when they are, and everybody else gets nothing twice", async () => {
  const run = await completed({ notOnWhatsAppShare: 0.4 });
  const { failed, sent } = ledgerOf(await run.campaign());
  expect(failed).toBeGreaterThan(20);
  expect(failed + sent).toBe(LEADS);
  run.simulator.behave({ notOnWhatsAppShare: 0 });
  await retryAll(run, "FAILED");
  expect(ledgerOf(await run.campaign())).toMatchObject({ audience: LEADS, sent: LEADS, failed: 0, pending: 0 });
  expect(run.simulator.outbox({ page: 1, limit: 1_000 }).total).toBe(LEADS);
  expect(run.simulator.sentMoreThanOnce()).toBe(0);
});
