/** Owns a store with something of everything that there can be, in the middle of it all, and what it answers to every question. */

import { ACTIVITY_KINDS } from "@mini-crm/core/activity/activity";
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { preflight } from "@mini-crm/core/campaign/preflight";
import { draft, EVERYBODY, importLeads, NOW, newId } from "@mini-crm/core/contracts/samples";
import { admit, claimed, expandAll, fold, LEASE_MS, receipt, record, running, SENT } from "@mini-crm/core/contracts/store/world";
import { optedOutTest, type TestMessage } from "@mini-crm/core/message/test-message";
import type { Store } from "@mini-crm/core/ports/store";

/** The campaign in mid-run. */
export interface World {
  campaign: Campaign;
  token: string;
}

const LATER = NOW + 60_000;

export async function fillWorld(store: Store): Promise<World> {
  await addUnusualLeads(store);
  const webhooks = await addWebhooks(store);
  const campaign = await running(store, 12);
  await expandAll(store, campaign, 4);
  await sendSome(store, campaign);
  await hear(store, "in-1", "+14155550000", "Thank you!");
  await hear(store, "in-2", "+14155550001", "STOP");
  await addTests(store, campaign);
  await tryDeliveries(store, webhooks);
  const { token } = await addOtherCampaigns(store);
  await store.carryOut([{ step: "recover", input: { now: NOW + 1, receiptWindowMs: 3_600_000, limit: 100, warnings: {} } }]);
  return { campaign, token };
}

/** With all that a lead can have; two of them share a number, and one who did has another now. */
async function addUnusualLeads(store: Store): Promise<void> {
  const shared = "+4915112345678";
  const metadata = { tier: "gold", "a.b": { $c: [1, 2.5, -3, null, true, "ü"] }, big: 2 ** 40, when: "2025-01-01", 7: "seven" };
  await importLeads(store, [
    { external_id: "x-1", name: "Zoë Ünal", phones: [shared], emails: ["z@example.com"], tags: ["vip", "a"], metadata },
    {
      external_id: "x-2",
      name: "Yan",
      phones: [shared],
      total_spend: 12.5,
      visits: 3,
      last_order_at: NOW,
      timezone: "Europe/Berlin",
    },
    { external_id: "x-3", name: "Xi", phones: [shared], consent: { state: "opted_in", source: "form", at: NOW } },
    { external_id: "x-4", emails: ["nobody@example.com"] },
  ]);
  const { lead } = await store.leads.add({ external_id: "x-3" }, NOW);
  await store.leads.change(lead._id, { phones: ["+4915112345679"] }, NOW);
}

async function addWebhooks(store: Store): Promise<string[]> {
  const ids = [newId(), newId()];
  for (const _id of ids) {
    await store.webhooks.create({
      _id,
      url: "https://example.com/hook",
      secret: "whsec_c2VjcmV0",
      kinds: [...ACTIVITY_KINDS],
      enabled: true,
      off_reason: null,
      failing_since: null,
      created_at: NOW,
      updated_at: NOW,
    });
  }
  return ids;
}

/** Messages in every place that there is, one of them after a second try. */
async function sendSome(store: Store, campaign: Campaign): Promise<void> {
  // A claim takes messages of one window.
  const messages = [
    ...(await claimed(store, campaign)),
    ...(await claimed(store, campaign)),
    ...(await claimed(store, campaign)),
  ];
  const [failed, uncertain, delivered, sent, refused] = messages;
  if (failed === undefined || uncertain === undefined || delivered === undefined || sent === undefined || refused === undefined) {
    throw new Error("Too few messages");
  }
  await admit(store, messages.slice(0, 7));
  await record(store, failed, { kind: "failed", code: "131026", reason: "Not on WhatsApp" });
  await record(store, uncertain, { kind: "uncertain", code: "no_answer", reason: "No answer" });
  await record(store, delivered, SENT);
  await record(store, sent, SENT);
  await record(store, refused, { kind: "retry", code: "130472", reason: "Later", dueAt: LATER });
  await fold(store, [receipt(delivered, "READ")]);
  const choice = { status: "FAILED", code: null, lead_ids: null } as const;
  await store.carryOut([
    { step: "retry", input: { campaign_id: campaign._id, choice, after: null, limit: 10, expected: null, now: LATER } },
  ]);
}

export async function hear(store: Store, provider_id: string, from: string, text: string) {
  const event = { version: 1, provider_id, channel_id: "default", from, name: "Ana", text, at: NOW + 2_000 } as const;
  return store.carryOut([{ step: "hear", input: { texts: [event], now: NOW + 3_000 } }]);
}

async function addTests(store: Store, { _id: campaign_id }: Campaign): Promise<void> {
  const made = { campaign_id, channel_id: "default", lead_id: newId(), phone: "+4930901820", variant: "A", text: "Hi!" };
  const times = { created_at: NOW, sending_at: null, sent_at: null, delivered_at: null, read_at: null };
  const nothing = { status: "PENDING", code: null, reason: null, provider_id: null } as const;
  const waits: TestMessage = { _id: newId(), ...made, ...nothing, ...times };
  const goesOut = { ...waits, _id: newId() };
  await store.carryOut([{ step: "test", input: { tests: [waits, goesOut, optedOutTest({ ...waits, _id: newId() })] } }]);
  await store.tests.claim({ _id: goesOut._id, worker: "w1", rate: null, leaseMs: LEASE_MS, now: NOW });
}

/** One delivery has failed once, and one of the webhooks is turned off. */
async function tryDeliveries(store: Store, [, off]: readonly string[]): Promise<void> {
  const [claim] = await store.webhooks.claim({ busy: [], perWebhook: 1, leaseMs: LEASE_MS, now: LATER });
  if (claim === undefined || off === undefined) throw new Error("Nothing was due");
  const answer = { kind: "answered", status: 500, excerpt: "Oh no" } as const;
  await store.webhooks.record({ delivery_id: claim._id, attempt: claim.attempt, answer, durationMs: 20, now: LATER });
  await store.webhooks.change(off, { enabled: false }, LATER);
}

/** A segment with a draft that was looked at, and one that is scheduled. */
async function addOtherCampaigns(store: Store): Promise<{ token: string }> {
  const segment = { _id: newId(), name: "All", owner_user_id: "u", rule_ast: EVERYBODY, created_at: NOW, updated_at: NOW };
  await store.segments.create(segment);
  const [shown, scheduled] = [draft({ segment_id: segment._id }), draft({ segment_id: segment._id })];
  for (const campaign of [shown, scheduled]) await store.campaigns.create(campaign);
  const token = newId();
  const bus = { commit: () => Promise.reject(new Error("A pre-flight starts nothing")) };
  await preflight({ store, bus, clock: { now: () => NOW } }, shown._id, token);
  await store.carryOut([{ step: "schedule", input: { campaign_id: scheduled._id, at: LATER, graceMs: 60_000, now: NOW } }]);
  return { token };
}

const ALL = { page: 1, limit: 100 };

/** Whatever can be asked of a store, with its answers. */
export async function answersOf(store: Store, { token }: World): Promise<Record<string, unknown>> {
  const sort = { by: "created_at", direction: "asc" } as const;
  const leads = await store.leads.list({ ...ALL, rule: null, sort, now: LATER });
  const campaigns = await store.campaigns.list({ ...ALL, status: null });
  const answers: Record<string, unknown> = {
    leads,
    campaigns,
    segments: await store.segments.list(ALL),
    matches: await store.segments.count(EVERYBODY, LATER),
    preflight: await store.preflights.read(token),
    due: await store.campaigns.due(LATER, 10),
    waiting: await store.messages.waiting("default"),
    rate: await store.messages.rateUse("default", { messages: 100, windowMs: 600_000 }, LATER),
    activities: await store.activity.after(0, 1_000),
    range: await store.activity.range(),
    overdue: (await store.checks.overdueClaims(LATER + LEASE_MS, 10)).toSorted((a, b) => a.until - b.until),
    leadsCheck: await store.checks.leads(100),
  };
  for (const webhook of await store.webhooks.list()) {
    answers[`webhook ${webhook._id}`] = [webhook, await store.webhooks.deliveries(webhook._id, ALL)];
  }
  for (const { _id } of leads.items) {
    answers[`lead ${_id}`] = [
      await store.leads.read(_id),
      await store.messages.ofLead(_id, 10),
      await store.inbound.ofLead(_id, 10),
    ];
  }
  for (const { _id } of campaigns.items) {
    const messages = await store.messages.ofCampaign(_id, { ...ALL, status: null, code: null });
    answers[`campaign ${_id}`] = {
      read: await store.campaigns.read(_id),
      messages,
      histories: await Promise.all(messages.items.map((message) => store.messages.history(message._id))),
      named: await store.messages.next(_id, { after: null, limit: 100, status: null, code: null }),
      counts: await store.messages.counts(_id),
      nextDue: await store.messages.nextDue(_id),
      ahead: await store.messages.ahead(_id, LATER),
      sent: await store.messages.sentSince(_id, NOW - 1),
      retryable: await store.messages.retryable(_id, { status: "UNCERTAIN", code: null, lead_ids: null }, LATER),
      tests: await store.tests.ofCampaign(_id, ALL),
      reactions: await store.inbound.reactions(_id),
    };
  }
  return answers;
}
