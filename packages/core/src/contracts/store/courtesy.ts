/** Owns the contract of what keeps a campaign from being a nuisance: deferring, caps, expiry, and the autopilot. */
import { expect, test } from "vitest";
import { differencesOf } from "../../campaign/audit.ts";
import type { Campaign } from "../../campaign/campaign.ts";
import { type CampaignOptions, NO_OPTIONS } from "../../campaign/options.ts";
import type { CarriedOut, Step } from "../../ports/steps.ts";
import type { Store } from "../../ports/store.ts";
import { draft, importLeads, leadInputs, NOW, startOf } from "../samples.ts";
import {
  admit,
  claimed,
  claimFrom,
  expandAll,
  expectLedgerToClose,
  fold,
  HOUR_MS,
  LEASE_MS,
  receipt,
  record,
  recoverAt,
  rowsOf,
  SENT,
  steer,
} from "./world.ts";

const DAY_MS = 86_400_000;
const CANARY = { percent: 20, wait_minutes: 30, max_failed_percent: 10, max_opted_out_percent: 10 };
const CANARY_WAIT_MS = 30 * 60_000;

/** A campaign with `options` that runs to everybody there is, its audience written down. */
async function runningWith(store: Store, options: Partial<CampaignOptions>, leads = 0): Promise<Campaign> {
  if (leads > 0) await importLeads(store, leadInputs(leads));
  const campaign = draft({ options: { ...NO_OPTIONS, ...options } });
  await store.campaigns.create(campaign);
  await store.carryOut([startOf(campaign, { expected: leads })]);
  await expandAll(store, campaign);
  return campaign;
}

/** Sends to whom can be claimed now, at most `max`, and answers how many that were. */
async function sendTo(store: Store, campaign: Campaign, { max = 100, now = NOW } = {}): Promise<number> {
  const messages = await claimed(store, campaign, { max, now });
  const { admitted } = await admit(store, messages, { now });
  for (const message of messages) if (admitted.includes(message._id)) await record(store, message, SENT, "w1", now);
  return admitted.length;
}

async function statusesOf(store: Store, campaign: Campaign): Promise<string[]> {
  return (await rowsOf(store, campaign)).map(({ status, code }) => (code === null ? status : `${status} ${code}`));
}

export function describeCourtesy(store: () => Store): void {
  test("a deferred message waits for its time, says why, and no attempt counts", async () => {
    const campaign = await runningWith(store(), {}, 2);
    const [message] = await claimed(store(), campaign, { max: 1 });
    if (message === undefined) throw new Error("One was expected");
    const until = NOW + LEASE_MS - 1;
    await record(store(), message, { kind: "deferred", code: "quiet_hours", reason: "It is late", dueAt: until });
    expect(await store().messages.read(message._id)).toMatchObject({
      status: "PENDING",
      code: "quiet_hours",
      due_at: until,
      attempt: 0,
    });
    expect(await store().messages.nextDue(campaign._id)).toEqual({ due_at: until, code: "quiet_hours", last_due_at: until });
    expect(await claimed(store(), campaign)).toHaveLength(1);
    await store().carryOut([recoverAt(until)]);
    expect(await store().messages.nextDue(campaign._id)).toBeNull();
    expect(await claimed(store(), campaign, { now: until })).toMatchObject([{ _id: message._id, attempt: 1 }]);
    await expectLedgerToClose(store(), campaign);
  });

  test("what is due waits as long as its campaign is paused", async () => {
    const campaign = await runningWith(store(), {}, 1);
    const [message] = await claimed(store(), campaign);
    if (message === undefined) throw new Error("One was expected");
    await record(store(), message, { kind: "deferred", code: "quiet_hours", reason: "It is late", dueAt: NOW + 1 });
    await steer(store(), campaign, "pause");
    expect((await store().carryOut([recoverAt(NOW + 1)])).results).toMatchObject([{ due: 0 }]);
    await steer(store(), campaign, "resume");
    expect((await store().carryOut([recoverAt(NOW + 1)])).results).toMatchObject([{ due: 1 }]);
  });

  test("who has had enough messages of late is not admitted, until the days have passed", async () => {
    const first = await runningWith(store(), {}, 3);
    expect(await sendTo(store(), first, { max: 2 })).toBe(2);
    const cap = { frequency_cap: { messages: 2, days: 7 } };
    const second = await runningWith(store(), cap);
    expect(await sendTo(store(), second, { now: NOW + DAY_MS })).toBe(3);
    const third = await runningWith(store(), cap);
    const messages = await claimed(store(), third, { now: NOW + 2 * DAY_MS });
    const admission = await admit(store(), messages, { now: NOW + 2 * DAY_MS });
    expect([admission.admitted.length, admission.capped.length]).toEqual([1, 2]);
    for (const message of messages.filter(({ _id }) => admission.capped.includes(_id))) {
      await record(store(), message, { kind: "skipped", reason: "frequency_cap", detail: "Has had 2 messages" });
    }
    expect((await statusesOf(store(), third)).filter((status) => status === "SKIPPED frequency_cap")).toHaveLength(2);
    await expectLedgerToClose(store(), third);
    const fourth = await runningWith(store(), cap);
    expect(await sendTo(store(), fourth, { now: NOW + 8 * DAY_MS })).toBe(3);
  });

  test("a message that never arrived counts for no cap, and one that nobody knows of does", async () => {
    const first = await runningWith(store(), {}, 2);
    const [fails, unknown] = await claimed(store(), first);
    if (fails === undefined || unknown === undefined) throw new Error("Two were expected");
    await admit(store(), [fails, unknown]);
    await record(store(), fails, { kind: "failed", code: "131026", reason: "Not on WhatsApp" });
    await record(store(), unknown, { kind: "uncertain", code: "no_answer", reason: "Cut" });
    const second = await runningWith(store(), { frequency_cap: { messages: 1, days: 1 } });
    const messages = await claimed(store(), second);
    const { capped } = await admit(store(), messages);
    expect(messages.filter(({ _id }) => capped.includes(_id)).map(({ lead_id }) => lead_id)).toEqual([unknown.lead_id]);
  });

  test("an expired campaign sends nothing more, and the rest of it is skipped with that reason", async () => {
    const expires_at = NOW + LEASE_MS - 1;
    const campaign = await runningWith(store(), { expires_at }, 5);
    expect(await sendTo(store(), campaign, { max: 2 })).toBe(2);
    const held = await claimed(store(), campaign, { max: 1 });
    expect((await admit(store(), held, { now: expires_at })).admitted).toEqual([]);
    expect(await claimFrom(store(), campaign, { now: expires_at })).toEqual({ kind: "nothing" });
    const { raised } = await store().carryOut([recoverAt(expires_at)]);
    expect(raised).toMatchObject([{ topic: "campaign.jobs", value: { campaign_id: campaign._id, after: null } }]);
    await endAll(store(), campaign, expires_at);
    for (const message of held) await record(store(), message, { kind: "released" }, "w1", expires_at);
    expect((await statusesOf(store(), campaign)).slice(2)).toEqual(Array.from({ length: 3 }, () => "SKIPPED expired"));
    expect((await store().carryOut([recoverAt(expires_at + 1)])).raised).toEqual([]);
    await fold(
      store(),
      (await rowsOf(store(), campaign)).slice(0, 2).map((row) => receipt(row, "DELIVERED")),
    );
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "COMPLETED" });
    await expectLedgerToClose(store(), campaign);
  });

  test("a paused campaign expires as well, and is over", async () => {
    const campaign = await runningWith(store(), { expires_at: NOW + HOUR_MS }, 3);
    await steer(store(), campaign, "pause");
    await store().carryOut([recoverAt(NOW + HOUR_MS)]);
    await endAll(store(), campaign, NOW + HOUR_MS);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "COMPLETED", counts: { SKIPPED: 3 } });
    await expectLedgerToClose(store(), campaign);
  });

  test("a campaign that is held when all has gone out is over when it expires", async () => {
    const campaign = await runningWith(store(), { expires_at: NOW + HOUR_MS }, 2);
    await sendTo(store(), campaign);
    await store().carryOut([
      { step: "hold", input: { campaign_id: campaign._id, hold: { code: "x", reason: "Look", at: NOW } } },
    ]);
    await fold(
      store(),
      (await rowsOf(store(), campaign)).map((row) => receipt(row, "DELIVERED")),
    );
    await store().carryOut([recoverAt(NOW + HOUR_MS)]);
    await endAll(store(), campaign, NOW + HOUR_MS);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "COMPLETED", hold: null });
  });

  test("a canary goes first, everybody else waits for the look, and then goes on", async () => {
    const campaign = await runningWith(store(), { canary: CANARY }, 10);
    expect(await sendTo(store(), campaign)).toBe(2);
    expect(await claimFrom(store(), campaign)).toEqual({ kind: "nothing" });
    expect((await store().carryOut([recoverAt(NOW + CANARY_WAIT_MS - 1)])).raised).toEqual([]);
    const { raised } = await store().carryOut([recoverAt(NOW + CANARY_WAIT_MS)]);
    expect(raised).toMatchObject([{ topic: "campaign.jobs", value: { campaign_id: campaign._id } }]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ canary_phase: "passed", status: "RUNNING" });
    expect(await claimed(store(), campaign)).toHaveLength(8);
    await expectLedgerToClose(store(), campaign);
  });

  test("whoever is skipped in a canary leaves room that is looked at again", async () => {
    const campaign = await runningWith(store(), { canary: CANARY }, 10);
    const [skipped, goes] = await claimed(store(), campaign);
    if (skipped === undefined || goes === undefined) throw new Error("Two were expected");
    expect(await claimFrom(store(), campaign)).toEqual({ kind: "nothing" });
    await admit(store(), [goes]);
    expect((await record(store(), goes, SENT)).raised).toMatchObject([{ topic: "message.statuses" }]);
    const { raised } = await record(store(), skipped, { kind: "skipped", reason: "blank_variable", detail: "Nothing is known" });
    expect(raised.map(({ topic }) => topic)).toEqual(["message.statuses", "campaign.jobs"]);
    expect(await claimed(store(), campaign)).toHaveLength(1);
  });

  test("a canary that fails pauses the campaign with the reason, and whoever resumes it has decided", async () => {
    const campaign = await runningWith(store(), { canary: CANARY }, 10);
    const [fails, goes] = await claimed(store(), campaign);
    if (fails === undefined || goes === undefined) throw new Error("Two were expected");
    await admit(store(), [fails, goes]);
    await record(store(), fails, { kind: "failed", code: "131026", reason: "Not on WhatsApp" });
    await record(store(), goes, SENT);
    await store().carryOut([recoverAt(NOW + CANARY_WAIT_MS)]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({
      status: "PAUSED",
      hold: { code: "too_many_failed", reason: "1 of 2 messages (50 %) failed, more than 10 %", at: NOW + CANARY_WAIT_MS },
    });
    await steer(store(), campaign, "resume");
    await store().carryOut([recoverAt(NOW + 2 * CANARY_WAIT_MS)]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({
      status: "RUNNING",
      canary_phase: "overruled",
      hold: null,
    });
    expect(await claimed(store(), campaign)).toHaveLength(8);
  });

  test("what alarms after the canary has passed pauses the campaign, too, and so does a warning of the account", async () => {
    const campaign = await runningWith(store(), { canary: { ...CANARY, max_failed_percent: 40 } }, 10);
    await sendTo(store(), campaign);
    await store().carryOut([recoverAt(NOW + CANARY_WAIT_MS)]);
    const messages = await claimed(store(), campaign, { max: 2 });
    await admit(store(), messages);
    for (const message of messages) await record(store(), message, { kind: "failed", code: "131026", reason: "Not on WhatsApp" });
    await store().carryOut([recoverAt(NOW + CANARY_WAIT_MS + 1)]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "PAUSED", hold: { code: "too_many_failed" } });

    const other = await runningWith(store(), { canary: CANARY });
    const look = recoverAt(NOW);
    const warned: Step = { ...look, input: { ...look.input, warnings: { default: "quality rating is low" } } };
    await store().carryOut([warned]);
    expect(await store().campaigns.read(other._id)).toMatchObject({ status: "PAUSED", hold: { code: "account_warning" } });
  });

  test("a claim brings the texts that are compared, and the ledger counts what has left by text", async () => {
    const variants = [
      { name: "Short", percent: 50, message_template: "Hi {{name}}" },
      { name: "Long", percent: 50, message_template: "Dear {{name}}, {{metadata.tier}}" },
    ];
    const campaign = await runningWith(store(), { variants }, 60);
    const claim = await claimFrom(store(), campaign);
    if (claim.kind !== "claimed") throw new Error("Something was expected");
    expect(claim.variants.map(({ name, template }) => [name, template])).toEqual([
      ["Short", "Hi {{name}}"],
      ["Long", "Dear {{name}}, {{metadata.tier}}"],
    ]);
    await admit(store(), claim.messages);
    for (const message of claim.messages) await record(store(), message, SENT);
    const rows = await rowsOf(store(), campaign);
    const first = rows.filter(({ variant }) => variant === 0).length;
    expect(first).toBeGreaterThan(10);
    expect(first).toBeLessThan(50);
    const counts = [
      { status: "SENT", code: null, variant: 0, messages: first },
      { status: "SENT", code: null, variant: 1, messages: 60 - first },
    ];
    expect(await store().messages.counts(campaign._id)).toEqual(counts);
    expect(differencesOf(await store().messages.audit(campaign._id))).toEqual([]);
  });
}

/** Carries the jobs out that end a campaign. */
async function endAll(store: Store, campaign: Campaign, now: number): Promise<void> {
  let after: string | null = null;
  for (let window = 0; window < 100; window += 1) {
    const input = { campaign_id: campaign._id, after, leadsPerWindow: 1_000, now };
    const carried: CarriedOut<readonly [Step<"expand">]> = await store.carryOut([{ step: "expand", input }]);
    if (carried.results[0].kind !== "ended") throw new Error(`Nothing ended: ${carried.results[0].kind}`);
    const [job] = carried.raised;
    if (job?.topic !== "campaign.jobs") return;
    after = job.value.after;
  }
  throw new Error("The campaign did not end");
}
