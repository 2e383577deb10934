/** Proves what the whole pipeline promises over hours of virtual time: the rate, the breaker, and a ledger that closes. */
import { ledgerOf } from "@mini-crm/core/campaign/campaign";
import { MESSAGE_STATUSES } from "@mini-crm/core/message/message";
import { afterEach, describe, expect, test } from "vitest";
import { openSimulated, RECEIPT_WINDOW_MS, type Simulated, type SimulatedOptions } from "./simulated.ts";

const HOUR_MS = 3_600_000;
const THIRTY_A_MINUTE = { messages: 30, windowMs: 61_000 };

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

/** Counters equal rows, the ledger closes, and nobody was sent anything twice. */
async function expectTrustworthyLedger(run: Simulated): Promise<void> {
  const campaign = await run.campaign();
  const { items: rows } = await run.store.messages.ofCampaign(campaign._id, { page: 1, limit: 10_000, status: null, code: null });
  for (const status of MESSAGE_STATUSES) {
    expect(campaign.counts[status], status).toBe(rows.filter((row) => row.status === status).length);
  }
  const { audience, sent, failed, skipped, uncertain, cancelled, pending } = ledgerOf(campaign);
  expect(audience).toBe(rows.length);
  expect(sent + failed + skipped + uncertain + cancelled + pending).toBe(audience);
  expect(run.simulator.sentMoreThanOnce()).toBe(0);
  const { jobExpander, sendWorker, statusAggregator, inboundListener, scheduler } = run.workers;
  for (const stage of [jobExpander, sendWorker, statusAggregator, inboundListener, scheduler]) {
    expect(stage.stats()).toMatchObject({ errors: 0 });
  }
}

test("never more than 30 messages leave in any 60 seconds, and no minute is wasted", async () => {
  const run = await open({ seed: 1, leads: 200, rate: THIRTY_A_MINUTE });
  await run.clock.advance(5_000);
  expect(await run.store.messages.waiting("default")).toBe(170);
  await run.advanceUntil(isCompleted(run), HOUR_MS);
  const times = run.simulator.outbox({ page: 1, limit: 1_000 }).items.map(({ at }) => at);
  expect(times).toHaveLength(200);
  for (const start of times) expect(times.filter((at) => at >= start && at < start + 60_000).length).toBeLessThanOrEqual(30);
  // Six waits of a window each is the least that 200 messages take.
  const last = times.at(-1) ?? 0;
  expect(last - (times[0] ?? 0)).toBeLessThan(6 * 61_000 + 5_000);
});

test("an outage opens the breaker, costs nobody the message, and ends by itself", async () => {
  const run = await open({ seed: 2, leads: 300, rate: { messages: 100, windowMs: 10_000 } });
  await run.clock.advance(3_000);
  run.simulator.behave({ unreachable: true });
  await run.clock.advance(30_000);
  const sender = run.workers.channels.all()[0];
  expect(sender?.breaker.state().state).not.toBe("closed");
  expect(ledgerOf(await run.campaign())).toMatchObject({ sent: 100, failed: 0, uncertain: 0, pending: 200 });
  run.simulator.behave({ unreachable: false });
  await run.advanceUntil(isCompleted(run), HOUR_MS);
  expect(sender?.breaker.state().state).toBe("closed");
  expect(ledgerOf(await run.campaign())).toMatchObject({ sent: 300, failed: 0, uncertain: 0 });
  await expectTrustworthyLedger(run);
});

test("one number that is always refused for now fails in the end and holds nobody else back", async () => {
  const run = await open({ seed: 3, leads: 20, rate: null, behaviour: { busyNumbers: ["+14155550007"] } });
  await run.clock.advance(60_000);
  expect(ledgerOf(await run.campaign())).toMatchObject({ sent: 19, pending: 1 });
  await run.advanceUntil(isCompleted(run), 2 * HOUR_MS);
  const [failed] = (
    await run.store.messages.ofCampaign((await run.campaign())._id, { page: 1, limit: 10, status: "FAILED", code: null })
  ).items;
  expect(failed).toMatchObject({ phone: "+14155550007", code: "131056", attempt: 5 });
  await expectTrustworthyLedger(run);
});

test("an answer that never comes makes a message uncertain, and its receipt settles it", async () => {
  const run = await open({
    seed: 4,
    leads: 3,
    rate: null,
    behaviour: { hangShare: 1, sentAfter: null, deliveredAfter: { fromMs: 90_000, toMs: 90_000 } },
  });
  await run.clock.advance(30_000);
  expect(ledgerOf(await run.campaign())).toMatchObject({ uncertain: 3, sent: 0 });
  await run.clock.advance(90_000);
  expect(ledgerOf(await run.campaign())).toMatchObject({ uncertain: 0, sent: 3, delivered: 3 });
  await expectTrustworthyLedger(run);
});

test("a paused campaign sends nothing, and resumed it goes on where it was", async () => {
  const run = await open({ seed: 5, leads: 300, rate: { messages: 50, windowMs: 10_000 } });
  await run.clock.advance(12_000);
  await run.steer("pause");
  await run.clock.advance(5_000);
  const sent = run.simulator.outbox({ page: 1, limit: 1 }).total;
  expect(sent).toBeGreaterThan(0);
  await run.clock.advance(HOUR_MS);
  expect(run.simulator.outbox({ page: 1, limit: 1 }).total).toBe(sent);
  await run.steer("resume");
  await run.advanceUntil(isCompleted(run), HOUR_MS);
  expect(ledgerOf(await run.campaign())).toMatchObject({ sent: 300, delivered: 300 });
  await expectTrustworthyLedger(run);
});

test("a cancelled campaign keeps what was sent and cancels everybody else", async () => {
  const run = await open({ seed: 6, leads: 300, rate: { messages: 50, windowMs: 10_000 } });
  await run.clock.advance(12_000);
  await run.steer("cancel");
  await run.clock.advance(HOUR_MS);
  const { sent, delivered, cancelled, pending } = ledgerOf(await run.campaign());
  expect([sent, delivered, sent + cancelled, pending]).toEqual([100, 100, 300, 0]);
  expect((await run.campaign()).status).toBe("CANCELLED");
  await expectTrustworthyLedger(run);
});

describe("a STOP", () => {
  async function leadWith(run: Simulated, phone: string) {
    const [message] = (
      await run.store.messages.ofCampaign((await run.campaign())._id, { page: 1, limit: 1_000, status: null, code: null })
    ).items.filter((row) => row.phone === phone);
    const lead = message === undefined ? null : await run.store.leads.read(message.lead_id);
    if (message === undefined || lead === null) throw new Error(`Nobody in the campaign has ${phone}`);
    return { message, lead };
  }
  const textsTo = (run: Simulated, to: string) => run.simulator.outbox({ page: 1, limit: 1, to }).total;

  test("that comes a second before the send keeps it from being sent", async () => {
    const run = await open({ seed: 7, leads: 60, rate: THIRTY_A_MINUTE });
    await run.clock.advance(5_000);
    expect(ledgerOf(await run.campaign())).toMatchObject({ sent: 30, pending: 30 });
    const { resetAt } = await run.store.messages.rateUse("default", THIRTY_A_MINUTE, run.clock.now());
    await run.clock.advance(resetAt - 1_000 - run.clock.now());
    const [stopped, next] = ["+14155550030", "+14155550031"];
    run.simulator.receive({ from: stopped, text: "Stop 🛑", name: "Lead" });
    await run.clock.advance(2_000);

    expect((await leadWith(run, next)).message).toMatchObject({ status: expect.stringMatching(/^(SENDING|SENT|DELIVERED)$/) });
    expect((await leadWith(run, next)).message.sending_at).toBeLessThan(resetAt + 1_000);
    const { message, lead } = await leadWith(run, stopped);
    expect(message).toMatchObject({ status: "SKIPPED", code: "opted_out", text: null });
    expect(lead.consent).toEqual({ state: "opted_out", source: "STOP", at: resetAt - 1_000 });
    await run.advanceUntil(isCompleted(run), HOUR_MS);
    expect(ledgerOf(await run.campaign())).toMatchObject({ sent: 59, skipped: 1 });
    expect(textsTo(run, stopped)).toBe(0);
    expect(run.workers.inboundListener.stats()).toMatchObject({ received: 1, optedOut: 1, errors: 0 });
    await expectTrustworthyLedger(run);
  });

  test("reaches whoever sent it in another spelling of their number", async () => {
    const run = await open({ seed: 8, leads: 1, rate: null });
    const { lead } = await run.store.leads.add({ name: "Bia", phones: ["+5511987654321"] }, run.clock.now());
    run.simulator.receive({ from: "+551187654321", text: "SAIR" });
    await run.clock.advance(1_000);
    expect(await run.store.leads.read(lead._id)).toMatchObject({ consent: { state: "opted_out" } });
  });

  test("and other answers count for the messages that they answer, and just those who stopped are opted out", async () => {
    const behaviour = {
      stopShare: 0.2,
      replyShare: 0.3,
      replyAfter: { fromMs: 1_000, toMs: 60_000 },
      doubledShare: 0.5,
      cutShare: 0.1,
    };
    const run = await open({ seed: 9, leads: 200, rate: null, behaviour });
    await run.advanceUntil(isCompleted(run), RECEIPT_WINDOW_MS);
    await run.clock.advance(HOUR_MS);
    const { items } = await run.store.messages.ofCampaign((await run.campaign())._id, {
      page: 1,
      limit: 1_000,
      status: null,
      code: null,
    });
    const replied = items.filter(({ replied_at }) => replied_at !== null);
    const stopped = items.filter(({ opted_out_at }) => opted_out_at !== null);
    // 100 and 40 are expected; five standard deviations are 36 and 29.
    expect(Math.abs(replied.length - 100)).toBeLessThan(36);
    expect(Math.abs(stopped.length - 40)).toBeLessThan(29);
    expect(run.workers.inboundListener.stats()).toMatchObject({ received: replied.length, optedOut: stopped.length });
    for (const { lead_id, opted_out_at } of items) {
      const lead = await run.store.leads.read(lead_id);
      expect(lead?.consent.state).toBe(opted_out_at === null ? "unknown" : "opted_out");
    }
    await expectTrustworthyLedger(run);
  });
});
