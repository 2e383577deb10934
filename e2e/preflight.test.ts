/** Proves that a pre-flight tells the truth: what it shows is what the ledger says when the campaign has been run. */
import { type CampaignOptions, NO_OPTIONS, type QuietHours } from "@mini-crm/core/campaign/options";
import { preflight, startAsShown } from "@mini-crm/core/campaign/preflight";
import { finalOf, lengthOf, REMOVALS } from "@mini-crm/core/campaign/survey";
import { sendTest } from "@mini-crm/core/campaign/test-send";
import { chanceFrom } from "@mini-crm/core/chance";
import { draft, importLeads, newId } from "@mini-crm/core/contracts/samples";
import type { LeadInput } from "@mini-crm/core/lead/lead";
import type { Message } from "@mini-crm/core/message/message";
import type { Rule } from "@mini-crm/core/segment/rule";
import { afterEach, expect, test } from "vitest";
import { openSimulated, type Simulated } from "./simulated.ts";

const DAY_MS = 86_400_000;

let simulated: Simulated | null = null;
afterEach(async () => {
  await simulated?.close();
  simulated = null;
});

/** People of all kinds: without a number, with a shared one, opted out, with blanks, in several time zones. */
function people(seed: number, count: number): LeadInput[] {
  const chance = chanceFrom([seed, 0]);
  const pick = <T>(...choices: T[]): T | undefined => choices[Math.floor(chance() * choices.length)];
  return Array.from({ length: count }, (_, index) => {
    const own = `+1415555${String(index).padStart(4, "0")}`;
    const consent = pick("unknown", "unknown", "opted_in", "opted_out") ?? "unknown";
    return {
      external_id: String(index),
      name: chance() < 0.95 ? `Lead ${index}` : null,
      phones: pick([own], [own], [own], [], [`+493090182${Math.floor(chance() * 20)}`], ["+123"]) ?? [],
      tags: pick(["a"], ["b"], ["a", "b"], []) ?? [],
      timezone: pick("Europe/Berlin", "America/New_York", "Asia/Tokyo", null) ?? null,
      metadata: chance() < 0.8 ? { tier: "gold", note: "x".repeat(Math.floor(chance() * 4_300)) } : {},
      consent: { state: consent, source: null, at: 0 },
    };
  });
}

function hasTag(tag: string): Rule {
  return { type: "comparison", operator: "==", left: { type: "field", value: "tags" }, right: { type: "literal", value: tag } };
}

async function campaignTo(run: Simulated, rule: Rule, template: string, options: Partial<CampaignOptions>): Promise<string> {
  const times = { created_at: run.clock.now(), updated_at: run.clock.now() };
  const segment = { _id: newId(), name: "x", owner_user_id: "admin", rule_ast: rule, ...times };
  await run.store.segments.create(segment);
  const fields = { segment_id: segment._id, message_template: template, options: { ...NO_OPTIONS, ...options }, ...times };
  const campaign = draft(fields);
  await run.store.campaigns.create(campaign);
  return campaign._id;
}

/** Shows it, runs it as shown, and answers what was shown, and its messages when it is done. */
async function runAsShown(run: Simulated, id: string) {
  const token = newId();
  const shown = await preflight(run, id, token);
  if (shown.kind !== "shown") throw new Error(`Nothing was shown: ${shown.kind}`);
  expect(await startAsShown(run, id, token)).toEqual({ kind: "started", audience: shown.preflight.survey.matched });
  await run.advanceUntil(async () => (await run.store.campaigns.read(id))?.status === "COMPLETED", 3 * DAY_MS);
  const rows = await run.store.messages.ofCampaign(id, { page: 1, limit: 10_000, status: null, code: null });
  return { survey: shown.preflight.survey, messages: rows.items };
}

/** Quiet hours that hold now in UTC, and end in ten minutes. */
function quietNow({ clock }: Simulated): QuietHours {
  const timeIn = (minutes: number) => new Date(clock.now() + minutes * 60_000).toISOString().slice(11, 16);
  return { from: timeIn(-30), to: timeIn(10), timezone: "UTC" };
}

function sentOf(messages: readonly Message[]): Message[] {
  return messages.filter(({ sent_at }) => sent_at !== null);
}

test.each([1, 2])("the ledger of a run says what its pre-flight showed, seed %i", async (seed) => {
  simulated = await openSimulated({ seed, leads: 0, rate: { messages: 100, windowMs: 10_000 } });
  const run = simulated;
  await importLeads(run.store, people(seed, 400), run.clock.now());
  await runAsShown(run, await campaignTo(run, hasTag("a"), "Hello {{name | default: 'you'}}", {}));
  const id = await campaignTo(run, { op: "OR", children: [hasTag("a"), hasTag("b")] }, "x", {
    frequency_cap: { messages: 1, days: 30 },
    quiet_hours: quietNow(run),
    canary: { percent: 10, wait_minutes: 5, max_failed_percent: 100, max_opted_out_percent: 100 },
    variants: [
      { name: "A", percent: 30, message_template: "Hi {{name}} in {{metadata.tier}} {{metadata.note | default: 'none'}}" },
      { name: "B", percent: 70, message_template: "Hi {{name}}!" },
    ],
  });

  const { survey, messages } = await runAsShown(run, id);
  const skipped = (code: string) => messages.filter((message) => message.code === code).length;
  expect(survey.removed).toEqual(Object.fromEntries(REMOVALS.map((removal) => [removal, skipped(removal)])));
  for (const removal of REMOVALS)
    if (removal !== "render_failed" && removal !== "outside_window") expect(survey.removed[removal], removal).toBeGreaterThan(0);
  expect([survey.matched, finalOf(survey)]).toEqual([messages.length, sentOf(messages).length]);
  expect(survey.variants).toEqual([0, 1].map((index) => sentOf(messages).filter(({ variant }) => variant === index).length));
  const texts = new Map(messages.map(({ lead_id, text }) => [lead_id, text]));
  for (const sample of [...survey.samples, survey.longest, survey.shortest]) {
    expect(texts.get(sample?.lead_id ?? "")).toBe(sample?.worded.kind === "content" && sample.worded.content.text);
  }
  const lengths = sentOf(messages).map(({ text }) => text?.length ?? 0);
  const extremes = [survey.longest, survey.shortest].map((sample) => sample && lengthOf(sample));
  expect(extremes).toEqual([Math.max(...lengths), Math.min(...lengths)]);
});

test("quiet hours are told by who waits for them", async () => {
  simulated = await openSimulated({ seed: 9, leads: 0, rate: null });
  const run = simulated;
  await importLeads(run.store, people(9, 100), run.clock.now());
  const id = await campaignTo(run, hasTag("a"), "Hello", { quiet_hours: quietNow(run) });
  const shown = await preflight(run, id, newId());
  if (shown.kind !== "shown") throw new Error(`Nothing was shown: ${shown.kind}`);
  expect(await startAsShown(run, id, shown.preflight.token)).toMatchObject({ kind: "started" });
  await run.clock.advance(60_000);
  const { quiet } = shown.preflight.survey;
  const waiting = await run.store.messages.ofCampaign(id, { page: 1, limit: 1_000, status: "PENDING", code: "quiet_hours" });
  expect(quiet.leads).toBeGreaterThan(0);
  expect([quiet.leads, quiet.until]).toEqual([waiting.total, Math.max(...waiting.items.map(({ due_at }) => due_at ?? 0))]);
});

test("a test message goes the way of every message, and is in no figure", async () => {
  simulated = await openSimulated({ seed: 4, leads: 0, rate: { messages: 2, windowMs: 60_000 } });
  const run = simulated;
  await importLeads(run.store, [{ name: "Ana", phones: ["+4930901820"], tags: ["a"] }], run.clock.now());
  const id = await campaignTo(run, hasTag("a"), "Hi {{name}}", {});
  const to = ["+4930901821", "+4930901822", "+4930901823"];
  const sent = await sendTest({ ...run, newId }, id, { to, lead_id: null, variant: null });
  expect(sent.kind).toBe("queued");
  const testsNow = async () => (await run.store.direct.ofCampaign(id, { page: 1, limit: 10 })).items;
  await run.clock.advance(30_000);
  expect((await testsNow()).map(({ status }) => status === "PENDING")).toEqual([true, false, false]);
  await run.advanceUntil(async () => (await testsNow()).every(({ delivered_at }) => delivered_at !== null), DAY_MS);
  const outbox = run.simulator.outbox({ page: 1, limit: 10 }).items;
  expect(outbox.map((message) => [message.to, message.text])).toEqual(to.map((phone) => [phone, "Hi Ana"]));
  expect((await run.store.campaigns.read(id))?.status).toBe("DRAFT");
  expect(run.workers.directSender.stats()).toMatchObject({ sent: 3, errors: 0 });
});

test("a test that is never answered is uncertain, and one that is refused has failed with the reason", async () => {
  const behaviour = { hangShare: 1, sentAfter: null, deliveredAfter: { fromMs: 90_000, toMs: 90_000 } };
  simulated = await openSimulated({ seed: 5, leads: 0, rate: null, behaviour });
  const run = simulated;
  await importLeads(run.store, [{ name: "Ana", phones: ["+4930901820"], tags: ["a"] }], run.clock.now());
  const id = await campaignTo(run, hasTag("a"), "Hi {{name}}", {});
  const only = async () => (await run.store.direct.ofCampaign(id, { page: 1, limit: 1 })).items[0];
  await sendTest({ ...run, newId }, id, { to: ["+4930901821"], lead_id: null, variant: null });
  await run.clock.advance(25_000);
  expect(await only()).toMatchObject({ status: "UNCERTAIN", code: "no_answer" });
  await run.clock.advance(90_000);
  expect((await only())?.delivered_at).not.toBeNull();
  run.simulator.behave({ hangShare: 0, busyNumbers: ["+4930901822"] });
  await sendTest({ ...run, newId }, id, { to: ["+4930901822"], lead_id: null, variant: null });
  await run.clock.advance(5_000);
  expect(await only()).toMatchObject({ status: "FAILED", code: "131056" });
  expect(run.simulator.sentMoreThanOnce()).toBe(0);
});
