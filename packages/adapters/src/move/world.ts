/** Owns a store with something of everything that there can be, in the middle of it all, and what it answers to every question. */

import { ACTIVITY_KINDS } from "@mini-crm/core/activity/activity";
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { preflight } from "@mini-crm/core/campaign/preflight";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { channel, draft, EVERYBODY, importLeads, NOW, newId } from "@mini-crm/core/contracts/samples";
import {
  admit,
  claimed,
  expandAll,
  fold,
  inbound,
  LEASE_MS,
  receipt,
  record,
  running,
  SENT,
  whatsAppTemplate,
} from "@mini-crm/core/contracts/store/world";
import { plainText } from "@mini-crm/core/message/content";
import { type DirectMessage, optedOutDirect } from "@mini-crm/core/message/direct-message";
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
  await addDirectMessages(store, campaign);
  await addChannels(store);
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

/** Tests of the campaign, and a reply to somebody. */
async function addDirectMessages(store: Store, { _id: campaign_id }: Campaign): Promise<void> {
  const lead_id = await leadOf(store, "+14155550000");
  const made = { campaign_id, channel_id: "default", lead_id, phone: "+4930901820", variant: "A", content: plainText("Hi!") };
  const times = { created_at: NOW, sending_at: null, sent_at: null, delivered_at: null, read_at: null };
  const nothing = { status: "PENDING", code: null, reason: null, provider_id: null } as const;
  const waits: DirectMessage = { _id: newId(), ...made, ...nothing, ...times };
  const goesOut = { ...waits, _id: newId() };
  const media = { kind: "document", link: "https://example.com/a.pdf", filename: "a.pdf" } as const;
  const template = { name: "offer", language: "de", parameters: [{ name: "who", text: "Zoë" }] };
  const content = { text: "Hi Zoë!", media, buttons: ["Yes", "No"], template };
  const reply = { ...waits, _id: newId(), campaign_id: null, variant: null, content };
  const messages = [waits, goesOut, optedOutDirect({ ...waits, _id: newId() }), reply];
  await store.carryOut([{ step: "write", input: { messages } }]);
  const limits = { ...NO_LIMITS, recipientsPerDay: 10 };
  for (const { _id } of [goesOut, reply]) await store.direct.claim({ _id, worker: "w1", limits, leaseMs: LEASE_MS, now: NOW });
}

async function leadOf(store: Store, phone: string): Promise<string> {
  return (await store.leads.add({ phones: [phone] }, NOW)).lead._id;
}

const WEB = "web-1";

/** One of each other kind: a linked device with a session that somebody else wants, and a number with templates. */
async function addChannels(store: Store): Promise<void> {
  const cloud = { phone_number_id: "1", business_account_id: "2", base_url: "https://example.com", api_version: "v23.0" };
  const web = { pause_seconds: { from: 5, to: 30 }, warm_up: true };
  await store.channels.create(
    channel({
      _id: "cloud",
      settings: { kind: "cloud", cloud },
      secrets: "v1.sealed",
      messages_per_minute: 80,
      creates_leads: true,
    }),
  );
  await store.channels.create(
    channel({ _id: WEB, settings: { kind: "web", web }, order: { order: "log_out", at: NOW }, paired_at: 1 }),
  );
  await store.sessions.hold({ channel_id: WEB, owner: "w1", wants: false, leaseMs: LEASE_MS, now: NOW });
  await store.sessions.hold({ channel_id: WEB, owner: "w2", wants: true, leaseMs: LEASE_MS, now: NOW });
  await store.sessions.write({
    channel_id: WEB,
    owner: "w1",
    entries: { creds: "sealed", "pre-key:1": "ü", "pre-key:10": "" },
    now: NOW,
  });
  const header = { format: "TEXT", text: "Offer" } as const;
  const offer = whatsAppTemplate({ channel_id: "cloud", header, footer: "Bye", buttons: ["Yes"] });
  await store.templates.replace("cloud", [offer, whatsAppTemplate({ channel_id: "cloud", name: "offer_2", language: "de" })]);
  const stranger = inbound("Hello", {
    provider_id: "in-stranger",
    channel_id: "cloud",
    from: "+4930901899",
    name: "Zoë",
    user_id: "DE.1",
  });
  await store.carryOut([{ step: "hear", input: { texts: [stranger], now: NOW + 3_000 } }]);
}

/** What is known of each channel. */
async function channelAnswers(store: Store, id: string): Promise<unknown> {
  const phones = ["+4930901820", "+4930901899", "+14155550000", "+14155550001"];
  return {
    read: await store.channels.read(id),
    counts: await store.channels.counts(id),
    entries: await store.sessions.read(id, ["creds", "pre-key:1", "pre-key:10"]),
    templates: await store.templates.ofChannel(id),
    offer: await store.templates.read(id, "offer", "en_US"),
    texts: await store.contacts.lastTexts(id, phones),
    known: await store.contacts.phonesOf(id, ["DE.1"]),
    recipients: await store.contacts.recipientUse(id, LATER),
  };
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
  const channels = await store.channels.list();
  answers["channels"] = channels;
  for (const { _id } of channels) answers[`channel ${_id}`] = await channelAnswers(store, _id);
  for (const webhook of await store.webhooks.list()) {
    answers[`webhook ${webhook._id}`] = [webhook, await store.webhooks.deliveries(webhook._id, ALL)];
  }
  for (const { _id } of leads.items) {
    answers[`lead ${_id}`] = [
      await store.leads.read(_id),
      await store.messages.ofLead(_id, 10),
      await store.inbound.ofLead(_id, 10),
      await store.direct.ofLead(_id, 10),
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
      tests: await store.direct.ofCampaign(_id, ALL),
      reactions: await store.inbound.reactions(_id),
    };
  }
  return answers;
}
