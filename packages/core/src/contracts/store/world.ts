/** Owns what the contract of the `Store` port does again and again: running, claiming, sending, and looking at the ledger. */
import { expect } from "vitest";
import { differencesOf } from "../../campaign/audit.ts";
import { type Campaign, ledgerOf } from "../../campaign/campaign.ts";
import { NO_LIMITS, type SendingLimits } from "../../channel/limits.ts";
import type { WhatsAppTemplate } from "../../channel/template.ts";
import { type InboundEvent, type StatusEvent, type TopicEvent } from "../../event/topics.ts";
import { MESSAGE_STATUSES, type Message } from "../../message/message.ts";
import { type SendOutcome } from "../../message/outcome.ts";
import { type ClaimedMessage, type Store } from "../../ports/store.ts";
import { draft, importLeads, leadInputs, NOW, startOf } from "../samples.ts";

const ALL = { after: null, up_to: "g" };
export const LEASE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const THREE_A_MINUTE: SendingLimits = { ...NO_LIMITS, rate: { messages: 3, windowMs: 60_000 } };

export async function running(store: Store, leads: number): Promise<Campaign> {
  if (leads > 0) await importLeads(store, leadInputs(leads));
  const campaign = draft();
  await store.campaigns.create(campaign);
  await store.carryOut([startOf(campaign, { expected: leads })]);
  return campaign;
}

/** Expands to the end and answers what was raised for the next stage. */
export async function expandAll(
  store: Store,
  campaign: Campaign,
  leadsPerWindow = 1_000,
): Promise<TopicEvent<"campaign.messages">[]> {
  const windows: TopicEvent<"campaign.messages">[] = [];
  let after: string | null = null;
  for (let window = 0; window < 100; window += 1) {
    const { raised }: { raised: TopicEvent[] } = await store.carryOut([
      { step: "expand", input: { campaign_id: campaign._id, after, leadsPerWindow, now: NOW } },
    ]);
    let next: string | null = null;
    for (const event of raised) {
      if (event.topic === "campaign.messages") windows.push(event);
      if (event.topic === "campaign.jobs") next = event.value.after;
    }
    if (next === null) return windows;
    after = next;
  }
  throw new Error("The expansion did not end");
}

export async function rowsOf(store: Store, campaign: Campaign): Promise<Message[]> {
  return (await store.messages.ofCampaign(campaign._id, { page: 1, limit: 1_000, status: null, code: null })).items;
}

/** The ledger closes and its counters equal the rows. */
export async function expectLedgerToClose(store: Store, campaign: Campaign): Promise<void> {
  const known = await store.campaigns.read(campaign._id);
  if (known === null) throw new Error("The campaign is gone");
  const rows = await rowsOf(store, campaign);
  for (const status of MESSAGE_STATUSES) {
    expect(known.counts[status], status).toBe(rows.filter((row) => row.status === status).length);
  }
  expect(differencesOf(await store.messages.audit(campaign._id))).toEqual([]);
  const { audience, sent, failed, skipped, uncertain, cancelled, pending } = ledgerOf(known);
  expect(sent + failed + skipped + uncertain + cancelled + pending).toBe(audience);
}

export function steer(store: Store, campaign: Campaign, command: "pause" | "resume" | "cancel") {
  return store.carryOut([{ step: "steer", input: { campaign_id: campaign._id, command, now: NOW } }]);
}

interface ClaimOptions {
  worker?: string;
  max?: number;
  limits?: SendingLimits;
  now?: number;
  /** Over which channel it is asked to be admitted. */
  channel?: string;
}

export function claimFrom(
  store: Store,
  campaign: Campaign,
  { worker = "w1", max = 100, limits = NO_LIMITS, now = NOW }: ClaimOptions = {},
) {
  return store.messages.claim({
    ...ALL,
    campaign_id: campaign._id,
    channel_id: "default",
    worker,
    max,
    limits,
    leaseMs: LEASE_MS,
    now,
  });
}

export async function claimed(store: Store, campaign: Campaign, options: ClaimOptions = {}): Promise<ClaimedMessage[]> {
  const claim = await claimFrom(store, campaign, options);
  return claim.kind === "claimed" ? claim.messages : [];
}

export function admit(
  store: Store,
  messages: readonly ClaimedMessage[],
  { worker = "w1", limits = NO_LIMITS, now = NOW, channel = "default" }: ClaimOptions = {},
) {
  return store.messages.admit({
    channel_id: channel,
    worker,
    messages: messages.map(({ _id, attempt, phone }) => ({ _id, attempt, phone: phone ?? "", text: `Hi ${_id}` })),
    limits,
    now,
  });
}

export function record(store: Store, message: ClaimedMessage, outcome: SendOutcome, worker = "w1", now = NOW) {
  return store.carryOut([
    { step: "record", input: { worker, outcomes: [{ message_id: message._id, attempt: message.attempt, outcome }], now } },
  ]);
}

/** A campaign of `leads` recipients, all of them SENDING by worker `w1`. */
export async function sending(store: Store, leads: number): Promise<{ campaign: Campaign; messages: ClaimedMessage[] }> {
  const campaign = await running(store, leads);
  await expandAll(store, campaign);
  const messages = await claimed(store, campaign);
  await admit(store, messages);
  return { campaign, messages };
}

export const SENT: SendOutcome = { kind: "sent", providerId: "wamid.1" };

export function recoverAt(now: number) {
  return { step: "recover", input: { now, receiptWindowMs: HOUR_MS, limit: 100, warnings: {} } } as const;
}

export function receipt(message: { _id: string }, status: "SENT" | "FAILED" | "DELIVERED" | "READ", at = NOW): StatusEvent {
  const failed = status === "FAILED";
  return {
    version: 1,
    message_id: message._id,
    source: "receipt",
    status,
    at,
    code: failed ? "131026" : null,
    reason: failed ? "Not on WhatsApp" : null,
  };
}

export function fold(store: Store, receipts: readonly StatusEvent[], now = NOW, campaigns: readonly string[] = []) {
  return store.carryOut([{ step: "fold", input: { receipts, campaigns, now, receiptWindowMs: HOUR_MS } }]);
}

/** The number of `Lead 0` in the samples. */
export const ANA = "+14155550000";

let texts = 0;
export function inbound(text: string, fields: Partial<InboundEvent> = {}): InboundEvent {
  texts += 1;
  return {
    version: 1,
    provider_id: `in-${texts}`,
    channel_id: "default",
    from: ANA,
    name: null,
    text,
    at: NOW + 1_000,
    ...fields,
  };
}

export async function hear(store: Store, events: readonly InboundEvent[], now = NOW + HOUR_MS) {
  const { results, raised } = await store.carryOut([{ step: "hear", input: { texts: events, now } }]);
  expect(raised).toEqual([]);
  return results[0];
}

export function whatsAppTemplate(fields: Partial<WhatsAppTemplate> = {}): WhatsAppTemplate {
  return {
    channel_id: "shop",
    name: "offer",
    language: "en_US",
    category: "MARKETING",
    status: "APPROVED",
    header: null,
    body: "Hi {{1}}, {{2}} off!",
    footer: null,
    buttons: [],
    synced_at: NOW,
    ...fields,
  };
}
