/** Owns the contract of the `Store` port: what every engine behind it must do, proved by the same tests. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Campaign, ledgerOf } from "../campaign/campaign.ts";
import type { StatusEvent, TopicEvent } from "../event/topics.ts";
import { MESSAGE_STATUSES, type Message, messageId } from "../message/message.ts";
import type { SendOutcome } from "../message/outcome.ts";
import type { ClaimedMessage, RateLimit, Store } from "../ports/store.ts";
import { draft, EVERYBODY, importLeads, leadInputs, NOW, newId, startOf } from "./samples.ts";

const ALL = { after: null, up_to: "g" };
const LEASE_MS = 60_000;
const HOUR_MS = 3_600_000;
const THREE_A_MINUTE: RateLimit = { messages: 3, windowMs: 60_000 };

/** Runs the contract on stores that `open` gives: each empty, and closed by its own `close`. */
export function describeStore(engine: string, open: () => Promise<{ store: Store; close: () => Promise<void> }>): void {
  describe(`the store on ${engine}`, () => {
    let store: Store;
    let close: () => Promise<void>;
    beforeEach(async () => {
      ({ store, close } = await open());
    });
    afterEach(() => close());

    describeLeads(() => store);
    describeSegmentsAndCampaigns(() => store);
    describeExpansion(() => store);
    describeSending(() => store);
    describeSteering(() => store);
    describeStatuses(() => store);

    test("signs of life are seen until their process is gone", async () => {
      await store.processes.sign({ _id: "a", role: "workers", seen_at: NOW, detail: { jobExpander: "running" } });
      await store.processes.sign({ _id: "b", role: "workers", seen_at: NOW - 60_000, detail: {} });
      expect((await store.processes.seenSince(NOW - 10_000)).map(({ _id }) => _id)).toEqual(["a"]);
      await store.processes.gone("a");
      expect(await store.processes.seenSince(NOW - 10_000)).toEqual([]);
    });
  });
}

function describeLeads(store: () => Store): void {
  test("a bulk import inserts once: the same leads again change nothing", async () => {
    expect(await importLeads(store(), leadInputs(5))).toEqual({ accepted: 5, inserted: 5, modified: 0, matched: 5 });
    expect(await importLeads(store(), leadInputs(5))).toEqual({ accepted: 5, inserted: 0, modified: 0, matched: 5 });
  });

  test("a lead that is known by its phone is merged, with its new fields", async () => {
    await importLeads(store(), leadInputs(2));
    const again = [{ phones: ["+14155550001"], emails: ["new@example.com"], total_spend: 5 }];
    expect(await importLeads(store(), again)).toEqual({ accepted: 1, inserted: 0, modified: 1, matched: 1 });
    const { items } = await list(store(), { sort: { by: "created_at", direction: "asc" } });
    expect(items[1]).toMatchObject({ name: "Lead 1", emails: ["lead1@example.com", "new@example.com"], total_spend: 5 });
  });

  test("two rows of one body that are one person become one lead", async () => {
    const twice = [
      { name: "Ann", phones: ["+14155550001"] },
      { name: "Ann", phones: ["+14155550001"], emails: ["ann@example.com"] },
    ];
    expect(await importLeads(store(), twice)).toMatchObject({ accepted: 2, inserted: 1, matched: 1 });
    const { items } = await list(store(), {});
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({ emails: ["ann@example.com"] });
  });

  test("whoever has another external_id is somebody else, even with the same phone", async () => {
    await importLeads(store(), [{ external_id: "1", phones: ["+14155550001"] }]);
    expect(await importLeads(store(), [{ external_id: "2", phones: ["+14155550001"] }])).toMatchObject({ inserted: 1 });
    expect(await importLeads(store(), [{ external_id: "1", name: "Ann" }])).toMatchObject({ inserted: 0, modified: 1 });
  });

  test("a lead is read back as it was given, changed field by field, and removed", async () => {
    const { kind, lead } = await store().leads.add(
      {
        name: "Ann O'Neil 🎉",
        phones: ["+14155550001"],
        tags: ["vip"],
        total_spend: 12.5,
        last_order_at: NOW - HOUR_MS,
        consent: { state: "opted_in", source: "shop", at: NOW },
        metadata: { tier: "gold", "a.b": [1, { c: null }], yes: true },
      },
      NOW,
    );
    expect(kind).toBe("added");
    expect(await store().leads.read(lead._id)).toEqual(lead);
    const changed = await store().leads.change(lead._id, { phones: ["+14155550002"], name: null }, NOW + 1);
    expect(changed).toMatchObject({ kind: "changed", lead: { name: null, phones: ["+14155550002"], updated_at: NOW + 1 } });
    expect((await store().leads.add({ phones: ["+14155550001"] }, NOW)).kind).toBe("added");
    expect((await store().leads.add({ phones: ["+14155550002"] }, NOW)).kind).toBe("merged");
    expect(await store().leads.remove(lead._id)).toBe(true);
    expect(await store().leads.remove(lead._id)).toBe(false);
    expect(await store().leads.read(lead._id)).toBeNull();
    expect(await store().leads.change(lead._id, { name: "x" }, NOW)).toEqual({ kind: "not_found" });
  });

  test("an external_id that another lead has is refused", async () => {
    const { lead: first } = await store().leads.add({ external_id: "1", name: "Ann" }, NOW);
    const { lead: second } = await store().leads.add({ external_id: "2", name: "Bob" }, NOW);
    expect(await store().leads.change(second._id, { external_id: "1" }, NOW)).toEqual({
      kind: "taken",
      field: "external_id",
      lead_id: first._id,
    });
  });

  test("lists page through every lead once, in either direction, whatever they are sorted by", async () => {
    await importLeads(store(), leadInputs(25));
    for (const by of ["created_at", "total_spend", "name"] as const) {
      for (const direction of ["asc", "desc"] as const) {
        const pages = await Promise.all([1, 2, 3, 4].map((page) => list(store(), { page, limit: 7, sort: { by, direction } })));
        const names = pages.flatMap(({ items }) => items.map(({ name }) => name));
        expect(new Set(names).size).toBe(25);
        expect(pages.map(({ total }) => total)).toEqual([25, 25, 25, 25]);
        if (by === "total_spend") expect(names.at(direction === "asc" ? -1 : 0)).toBe("Lead 24");
      }
    }
    expect((await list(store(), { page: 5, limit: 7 })).items).toEqual([]);
  });

  test("a list can be narrowed by a rule", async () => {
    await importLeads(store(), leadInputs(10));
    const rule = {
      type: "comparison",
      operator: ">",
      left: { type: "field", value: "total_spend" },
      right: { type: "literal", value: 650 },
    } as const;
    const { items, total } = await list(store(), { rule, limit: 2 });
    expect(items.map(({ name }) => name)).toEqual(["Lead 7", "Lead 8"]);
    expect(total).toBe(3);
    expect(await store().segments.count(rule, NOW)).toBe(3);
    expect((await store().segments.sample(rule, 2, NOW)).map(({ name }) => name)).toEqual(["Lead 7", "Lead 8"]);
  });
}

function list(store: Store, request: Partial<Parameters<Store["leads"]["list"]>[0]>) {
  return store.leads.list({
    page: 1,
    limit: 100,
    rule: null,
    sort: { by: "created_at", direction: "asc" },
    now: NOW,
    ...request,
  });
}

function describeSegmentsAndCampaigns(store: () => Store): void {
  const segment = () => ({
    _id: newId(),
    name: "All",
    owner_user_id: "admin",
    rule_ast: EVERYBODY,
    created_at: NOW,
    updated_at: NOW,
  });

  test("a segment is kept, changed, and removed unless a campaign that is not finished uses it", async () => {
    const kept = segment();
    await store().segments.create(kept);
    expect(await store().segments.read(kept._id)).toEqual(kept);
    expect(await store().segments.change(kept._id, { name: "Everybody" }, NOW + 1)).toEqual({
      ...kept,
      name: "Everybody",
      updated_at: NOW + 1,
    });
    const campaign = draft({ segment_id: kept._id });
    await store().campaigns.create(campaign);
    expect(await store().segments.remove(kept._id)).toEqual({ kind: "in_use", campaigns: [campaign._id] });
    expect(await store().campaigns.remove(campaign._id)).toEqual({ kind: "removed" });
    expect(await store().segments.remove(kept._id)).toEqual({ kind: "removed" });
    expect(await store().segments.remove(kept._id)).toEqual({ kind: "not_found" });
    expect(await store().segments.read(kept._id)).toBeNull();
  });

  test("a campaign can be changed and removed as a draft, but not while it runs", async () => {
    const campaign = draft();
    await store().campaigns.create(campaign);
    expect(await store().campaigns.read(campaign._id)).toEqual(campaign);
    expect(await store().campaigns.change(campaign._id, { name: "New" }, NOW)).toMatchObject({
      kind: "changed",
      campaign: { name: "New" },
    });
    await store().carryOut([startOf(campaign)]);
    expect(await store().campaigns.change(campaign._id, { name: "Newer" }, NOW)).toEqual({
      kind: "not_draft",
      status: "RUNNING",
    });
    expect(await store().campaigns.remove(campaign._id)).toEqual({ kind: "in_progress", status: "RUNNING" });
  });

  test("a campaign starts once, and its start raises its job", async () => {
    const campaign = draft();
    await store().campaigns.create(campaign);
    const first = await store().carryOut([startOf(campaign, { expected: 3 })]);
    expect(first.results).toEqual([{ kind: "started" }]);
    expect(first.raised).toEqual([
      { topic: "campaign.jobs", key: campaign._id, value: { version: 1, campaign_id: campaign._id, after: null } },
    ]);
    const second = await store().carryOut([startOf(campaign)]);
    expect(second).toEqual({ results: [{ kind: "not_startable" }], raised: [] });
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "RUNNING", expected: 3, started_at: NOW });
  });

  test("a campaign whose template has changed since it was read does not start with the old one", async () => {
    const campaign = draft();
    await store().campaigns.create(campaign);
    await store().campaigns.change(campaign._id, { message_template: "Bye {{name}}" }, NOW);
    expect((await store().carryOut([startOf(campaign)])).results).toEqual([{ kind: "not_startable" }]);
  });

  test("campaigns are listed newest first and by status", async () => {
    const [older, newer] = [draft({ name: "older" }), draft({ name: "newer" })];
    await store().campaigns.create(older);
    await store().campaigns.create(newer);
    await store().carryOut([startOf(older)]);
    const names = async (status: "RUNNING" | null) =>
      (await store().campaigns.list({ page: 1, limit: 10, status })).items.map(({ name }) => name);
    expect(await names(null)).toEqual(["newer", "older"]);
    expect(await names("RUNNING")).toEqual(["older"]);
  });
}

async function running(store: Store, leads: number): Promise<Campaign> {
  if (leads > 0) await importLeads(store, leadInputs(leads));
  const campaign = draft();
  await store.campaigns.create(campaign);
  await store.carryOut([startOf(campaign, { expected: leads })]);
  return campaign;
}

/** Expands to the end and answers what was raised for the next stage. */
async function expandAll(store: Store, campaign: Campaign, leadsPerWindow = 1_000): Promise<TopicEvent<"campaign.messages">[]> {
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

async function rowsOf(store: Store, campaign: Campaign): Promise<Message[]> {
  return (await store.messages.ofCampaign(campaign._id, { page: 1, limit: 1_000, status: null })).items;
}

/** The ledger closes and its counters equal the rows. */
async function expectLedgerToClose(store: Store, campaign: Campaign): Promise<void> {
  const known = await store.campaigns.read(campaign._id);
  if (known === null) throw new Error("The campaign is gone");
  const rows = await rowsOf(store, campaign);
  for (const status of MESSAGE_STATUSES) {
    expect(known.counts[status], status).toBe(rows.filter((row) => row.status === status).length);
  }
  const { audience, sent, failed, skipped, uncertain, cancelled, pending } = ledgerOf(known);
  expect(sent + failed + skipped + uncertain + cancelled + pending).toBe(audience);
}

function describeExpansion(store: () => Store): void {
  test("an audience is written down window by window, each recipient once, however often a window is done", async () => {
    const campaign = await running(store(), 10);
    const windows = await expandAll(store(), campaign, 4);
    expect(windows.map(({ value }) => value.messages)).toEqual([4, 4, 2]);
    expect(windows.map(({ key }) => key)).toEqual(["default", "default", "default"]);
    expect(await rowsOf(store(), campaign)).toHaveLength(10);
    await expandAll(store(), campaign, 3);
    expect(await rowsOf(store(), campaign)).toHaveLength(10);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ expanded: true, status: "RUNNING" });
    await expectLedgerToClose(store(), campaign);
  });

  test("only the leads that match and were there when it was run are in the audience", async () => {
    await importLeads(store(), leadInputs(4));
    const campaign = draft();
    await store().campaigns.create(campaign);
    const rule = {
      type: "comparison",
      operator: ">=",
      left: { type: "field", value: "total_spend" },
      right: { type: "literal", value: 200 },
    } as const;
    await store().carryOut([startOf(campaign, { rule })]);
    await importLeads(store(), [{ name: "Late", phones: ["+14155559999"], total_spend: 900 }], NOW + 1);
    await expandAll(store(), campaign);
    const leads = await Promise.all((await rowsOf(store(), campaign)).map(({ lead_id }) => store().leads.read(lead_id)));
    expect(leads.map((lead) => lead?.name)).toEqual(["Lead 2", "Lead 3"]);
  });

  test("who cannot be written to is skipped with the reason, and is in the ledger", async () => {
    await importLeads(store(), [
      { name: "No phone" },
      { name: "Opted out", phones: ["+14155550001"], consent: { state: "opted_out", source: null, at: NOW } },
      { name: "First", external_id: "1", phones: ["+14155550002"] },
      { name: "Same number", external_id: "2", phones: ["+14155550002"] },
    ]);
    const campaign = await running(store(), 0);
    await expandAll(store(), campaign, 1);
    const rows = await rowsOf(store(), campaign);
    expect(rows.map(({ status, code }) => [status, code])).toEqual([
      ["SKIPPED", "no_phone"],
      ["SKIPPED", "opted_out"],
      ["PENDING", null],
      ["SKIPPED", "duplicate_number"],
    ]);
    await expectLedgerToClose(store(), campaign);
  });

  test("a campaign of which nobody can be written to is complete at once", async () => {
    await importLeads(store(), [{ name: "No phone" }]);
    const campaign = await running(store(), 0);
    expect(await expandAll(store(), campaign)).toEqual([]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "COMPLETED", completed_at: NOW });
  });

  test("resuming raises the job of every running campaign, and it looks at all that is pending", async () => {
    const campaign = await running(store(), 3);
    await expandAll(store(), campaign);
    const { raised } = await store().carryOut([{ step: "resume", input: { now: NOW } }]);
    expect(raised).toMatchObject([{ topic: "campaign.jobs", value: { campaign_id: campaign._id, after: null } }]);
    expect((await expandAll(store(), campaign)).map(({ value }) => value.messages)).toEqual([3]);
  });
}

function steer(store: Store, campaign: Campaign, command: "pause" | "resume" | "cancel") {
  return store.carryOut([{ step: "steer", input: { campaign_id: campaign._id, command, now: NOW } }]);
}

function describeSteering(store: () => Store): void {
  test("of a paused campaign nothing is claimed or admitted, and resuming looks at all that is left", async () => {
    const campaign = await running(store(), 4);
    await expandAll(store(), campaign);
    const messages = await claimed(store(), campaign, { max: 2 });
    expect((await steer(store(), campaign, "pause")).results).toMatchObject([
      { kind: "steered", campaign: { status: "PAUSED" } },
    ]);
    expect((await steer(store(), campaign, "pause")).results).toMatchObject([{ kind: "already" }]);
    expect((await admit(store(), messages)).admitted).toEqual([]);
    for (const message of messages) await record(store(), message, { kind: "released" });
    expect(await claimFrom(store(), campaign)).toEqual({ kind: "nothing" });
    const { raised } = await steer(store(), campaign, "resume");
    expect(raised).toMatchObject([{ topic: "campaign.jobs", value: { campaign_id: campaign._id, after: null } }]);
    expect((await expandAll(store(), campaign)).map(({ value }) => value.messages)).toEqual([4]);
    expect(await claimed(store(), campaign)).toHaveLength(4);
    await expectLedgerToClose(store(), campaign);
  });

  test("a campaign paused in the middle of its expansion has its whole audience in the end", async () => {
    const campaign = await running(store(), 6);
    const first = { step: "expand", input: { campaign_id: campaign._id, after: null, leadsPerWindow: 4, now: NOW } } as const;
    const { raised } = await store().carryOut([first]);
    await steer(store(), campaign, "pause");
    const job = raised.find(({ topic }) => topic === "campaign.jobs");
    const after = job?.topic === "campaign.jobs" ? job.value.after : null;
    expect((await store().carryOut([{ ...first, input: { ...first.input, after } }])).raised).toEqual([]);
    await steer(store(), campaign, "resume");
    await expandAll(store(), campaign);
    expect(await claimed(store(), campaign)).toHaveLength(6);
  });

  test("cancelling leaves sent ones sent and cancels the rest, window by window, also what comes back from the wire", async () => {
    const campaign = await running(store(), 10);
    await expandAll(store(), campaign);
    const messages = await claimed(store(), campaign, { max: 4 });
    const [sent, comesBack, fails] = messages;
    if (sent === undefined || comesBack === undefined || fails === undefined) throw new Error("Four were expected");
    await admit(store(), [sent, comesBack, fails]);
    await record(store(), sent, SENT);
    await steer(store(), campaign, "cancel");
    await expandAll(store(), campaign, 3);
    await record(store(), comesBack, { kind: "retry", code: "131000", reason: "Later", dueAt: NOW + 1 });
    await record(store(), fails, { kind: "failed", code: "131026", reason: "Not on WhatsApp" });
    const statuses = (await rowsOf(store(), campaign)).map(({ status }) => status);
    expect(statuses).toEqual(["SENT", "CANCELLED", "FAILED", ...Array.from({ length: 7 }, () => "CANCELLED")]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "CANCELLED", completed_at: NOW });
    expect((await store().carryOut([recoverAt(NOW + 2 * LEASE_MS)])).raised).toEqual([]);
    expect((await steer(store(), campaign, "resume")).results).toMatchObject([{ kind: "refused" }]);
    await fold(store(), [receipt(sent, "DELIVERED")]);
    expect(ledgerOf((await store().campaigns.read(campaign._id)) ?? campaign)).toMatchObject({
      sent: 1,
      delivered: 1,
      cancelled: 8,
    });
    await expectLedgerToClose(store(), campaign);
  });

  test("what was never started cannot be steered, and what does not exist is not found", async () => {
    const campaign = draft();
    expect((await steer(store(), campaign, "pause")).results).toEqual([{ kind: "not_found" }]);
    await store().campaigns.create(campaign);
    expect((await steer(store(), campaign, "cancel")).results).toEqual([
      { kind: "refused", reason: "It is DRAFT, and only a RUNNING or PAUSED campaign can be cancelled" },
    ]);
  });
}

interface ClaimOptions {
  worker?: string;
  max?: number;
  rate?: RateLimit | null;
  now?: number;
}

function claimFrom(store: Store, campaign: Campaign, { worker = "w1", max = 100, rate = null, now = NOW }: ClaimOptions = {}) {
  return store.messages.claim({
    ...ALL,
    campaign_id: campaign._id,
    channel_id: "default",
    worker,
    max,
    rate,
    leaseMs: LEASE_MS,
    now,
  });
}

async function claimed(store: Store, campaign: Campaign, options: ClaimOptions = {}): Promise<ClaimedMessage[]> {
  const claim = await claimFrom(store, campaign, options);
  return claim.kind === "claimed" ? claim.messages : [];
}

function admit(store: Store, messages: readonly ClaimedMessage[], { worker = "w1", rate = null, now = NOW }: ClaimOptions = {}) {
  return store.messages.admit({
    channel_id: "default",
    worker,
    messages: messages.map(({ _id, attempt }) => ({ _id, attempt, text: `Hi ${_id}` })),
    rate,
    now,
  });
}

function record(store: Store, message: ClaimedMessage, outcome: SendOutcome, worker = "w1", now = NOW) {
  return store.carryOut([
    { step: "record", input: { worker, outcomes: [{ message_id: message._id, attempt: message.attempt, outcome }], now } },
  ]);
}

/** A campaign of `leads` recipients, all of them SENDING by worker `w1`. */
async function sending(store: Store, leads: number): Promise<{ campaign: Campaign; messages: ClaimedMessage[] }> {
  const campaign = await running(store, leads);
  await expandAll(store, campaign);
  const messages = await claimed(store, campaign);
  await admit(store, messages);
  return { campaign, messages };
}

const SENT: SendOutcome = { kind: "sent", providerId: "wamid.1" };

function describeSending(store: () => Store): void {
  test("a message is claimed by one worker, with the lead and the text's template", async () => {
    const campaign = await running(store(), 3);
    await expandAll(store(), campaign);
    const first = await claimFrom(store(), campaign, { worker: "w1", max: 2 });
    expect(first).toMatchObject({ kind: "claimed", template: "Hi {{name}}!" });
    expect(first.kind === "claimed" && first.messages.map(({ lead, attempt }) => [lead?.name, attempt])).toEqual([
      ["Lead 0", 1],
      ["Lead 1", 1],
    ]);
    expect((await claimed(store(), campaign, { worker: "w2" })).map(({ lead }) => lead?.name)).toEqual(["Lead 2"]);
    expect(await claimFrom(store(), campaign, { worker: "w3" })).toEqual({ kind: "nothing" });
    await expectLedgerToClose(store(), campaign);
  });

  test("workers that claim at the same moment never get the same message", async () => {
    const campaign = await running(store(), 60);
    await expandAll(store(), campaign);
    const claims = await Promise.all(
      Array.from({ length: 12 }, (_, index) => claimed(store(), campaign, { worker: `w${index}`, max: 7 })),
    );
    const ids = claims.flat().map(({ _id }) => _id);
    expect(ids).toHaveLength(60);
    expect(new Set(ids).size).toBe(60);
  });

  test("nothing is claimed from a campaign that does not run", async () => {
    const campaign = draft();
    await store().campaigns.create(campaign);
    expect(await claimFrom(store(), campaign)).toEqual({ kind: "nothing" });
  });

  test("only messages that are still the worker's are admitted, and their text is written before they go", async () => {
    const campaign = await running(store(), 2);
    await expandAll(store(), campaign);
    const messages = await claimed(store(), campaign);
    expect((await admit(store(), messages, { worker: "w2" })).admitted).toEqual([]);
    const { admitted } = await admit(store(), messages);
    expect(admitted).toEqual(messages.map(({ _id }) => _id));
    expect((await admit(store(), messages)).admitted).toEqual([]);
    expect(await store().messages.read(admitted[0] ?? "")).toMatchObject({ status: "SENDING", text: `Hi ${admitted[0]}` });
    await expectLedgerToClose(store(), campaign);
  });

  test("who opts out between claim and send is not written to", async () => {
    const campaign = await running(store(), 2);
    await expandAll(store(), campaign);
    const messages = await claimed(store(), campaign);
    const [first, second] = messages;
    if (first === undefined || second === undefined) throw new Error("Two were expected");
    await store().leads.change(first.lead_id, { consent: { state: "opted_out", source: "STOP", at: NOW } }, NOW);
    expect(await admit(store(), messages)).toEqual({ admitted: [second._id], opted_out: [first._id] });
    await record(store(), first, { kind: "skipped", reason: "opted_out", detail: "Does not want messages" });
    expect(await store().messages.read(first._id)).toMatchObject({ status: "SKIPPED", code: "opted_out", text: null });
    await expectLedgerToClose(store(), campaign);
  });

  test("a channel never admits more than its rate in any window, whoever asks", async () => {
    const campaign = await running(store(), 10);
    await expandAll(store(), campaign);
    const first = await claimed(store(), campaign, { rate: THREE_A_MINUTE });
    expect(first).toHaveLength(3);
    const more = await claimed(store(), campaign, { worker: "w2", max: 3 });
    expect((await admit(store(), first, { rate: THREE_A_MINUTE })).admitted).toHaveLength(3);
    expect((await admit(store(), more, { worker: "w2", rate: THREE_A_MINUTE })).admitted).toEqual([]);
    expect(await store().messages.rateUse("default", THREE_A_MINUTE, NOW)).toEqual({ used: 3, resetAt: NOW + 60_000 });
    expect(await claimFrom(store(), campaign, { rate: THREE_A_MINUTE, now: NOW + 59_999 })).toEqual({
      kind: "limited",
      until: NOW + 60_000,
    });
    expect(await claimed(store(), campaign, { rate: THREE_A_MINUTE, now: NOW + 60_000 })).toHaveLength(3);
  });

  test("what was sent is recorded with its time and raised as a status", async () => {
    const { campaign, messages } = await sending(store(), 1);
    const [message] = messages;
    if (message === undefined) throw new Error("One was expected");
    const { results, raised } = await record(store(), message, SENT, "w1", NOW + 5);
    expect(results).toEqual([{ applied: 1 }]);
    expect(raised).toMatchObject([{ topic: "message.statuses", key: message._id, value: { source: "send", status: "SENT" } }]);
    expect(await store().messages.read(message._id)).toMatchObject({ status: "SENT", provider_id: "wamid.1", sent_at: NOW + 5 });
    await expectLedgerToClose(store(), campaign);
  });

  test("a retry is not claimed before it is due, and then is looked at again", async () => {
    const { campaign, messages } = await sending(store(), 1);
    const [message] = messages;
    if (message === undefined) throw new Error("One was expected");
    await record(store(), message, { kind: "retry", code: "131056", reason: "Too fast", dueAt: NOW + 1_000 });
    expect(await claimFrom(store(), campaign, { now: NOW + 999 })).toEqual({ kind: "nothing" });
    const early = await store().carryOut([recoverAt(NOW + 999)]);
    expect(early.raised).toEqual([]);
    const due = await store().carryOut([recoverAt(NOW + 1_000)]);
    expect(due.results).toMatchObject([{ due: 1 }]);
    expect(due.raised).toMatchObject([{ topic: "campaign.messages", value: { campaign_id: campaign._id, messages: 1 } }]);
    expect(await claimed(store(), campaign, { now: NOW + 1_000 })).toMatchObject([{ attempt: 2 }]);
  });

  test("what was released goes back without counting as an attempt", async () => {
    const { campaign, messages } = await sending(store(), 1);
    const [message] = messages;
    if (message === undefined) throw new Error("One was expected");
    await record(store(), message, { kind: "released" });
    expect(await claimed(store(), campaign)).toMatchObject([{ _id: message._id, attempt: 1 }]);
    await expectLedgerToClose(store(), campaign);
  });

  test("a claim whose lease has ended is free, and its old worker can do nothing with it any more", async () => {
    const campaign = await running(store(), 1);
    await expandAll(store(), campaign);
    const [stale] = await claimed(store(), campaign);
    if (stale === undefined) throw new Error("One was expected");
    expect((await store().carryOut([recoverAt(NOW + LEASE_MS - 1)])).results).toMatchObject([{ freed: 0 }]);
    const { results, raised } = await store().carryOut([recoverAt(NOW + LEASE_MS)]);
    expect(results).toMatchObject([{ freed: 1 }]);
    expect(raised).toMatchObject([{ topic: "campaign.messages", value: { messages: 1 } }]);
    expect(await claimed(store(), campaign, { worker: "w2", now: NOW + LEASE_MS })).toHaveLength(1);
    expect((await admit(store(), [stale])).admitted).toEqual([]);
    expect((await record(store(), stale, { kind: "released" })).results).toEqual([{ applied: 0 }]);
    await expectLedgerToClose(store(), campaign);
  });

  test("what a dead process held is free or uncertain at once, and nobody else's is", async () => {
    const campaign = await running(store(), 6);
    await expandAll(store(), campaign);
    await admit(store(), await claimed(store(), campaign, { max: 2 }));
    await claimed(store(), campaign, { max: 2 });
    await claimed(store(), campaign, { worker: "w2", max: 2 });
    await store().processes.sign({ _id: "w1", role: "workers", seen_at: NOW, detail: {} });
    await store().processes.died("w1", NOW + 1);
    expect(await store().processes.seenSince(0)).toEqual([]);
    expect((await store().carryOut([recoverAt(NOW + 1)])).results).toMatchObject([{ freed: 2, uncertain: 2 }]);
    const statuses = (await rowsOf(store(), campaign)).map(({ status }) => status);
    expect(statuses).toEqual(["UNCERTAIN", "UNCERTAIN", "PENDING", "PENDING", "CLAIMED", "CLAIMED"]);
    await expectLedgerToClose(store(), campaign);
  });

  test("a send whose lease has ended is uncertain, is never claimed again, and a later answer settles it", async () => {
    const { campaign, messages } = await sending(store(), 1);
    const [message] = messages;
    if (message === undefined) throw new Error("One was expected");
    expect((await store().carryOut([recoverAt(NOW + LEASE_MS)])).results).toMatchObject([{ uncertain: 1 }]);
    expect(await store().messages.read(message._id)).toMatchObject({ status: "UNCERTAIN", code: "lease_expired" });
    expect(await claimFrom(store(), campaign, { now: NOW + 2 * LEASE_MS })).toEqual({ kind: "nothing" });
    await record(store(), message, SENT);
    expect(await store().messages.read(message._id)).toMatchObject({ status: "SENT" });
    await expectLedgerToClose(store(), campaign);
  });

  test("what waits on a channel is counted", async () => {
    const campaign = await running(store(), 5);
    await expandAll(store(), campaign);
    expect(await store().messages.waiting("default")).toBe(5);
    const messages = await claimed(store(), campaign, { max: 2 });
    await admit(store(), messages);
    expect(await store().messages.waiting("default")).toBe(3);
    expect(await store().messages.waiting("other")).toBe(0);
  });

  test("the messages of a lead are found, newest campaign first", async () => {
    const first = await running(store(), 1);
    await expandAll(store(), first);
    const second = await running(store(), 0);
    await expandAll(store(), second);
    const leadId = (await rowsOf(store(), first))[0]?.lead_id ?? "";
    const messages = await store().messages.ofLead(leadId, 10);
    expect(messages.map(({ _id }) => _id)).toEqual([messageId(second._id, leadId), messageId(first._id, leadId)]);
  });
}

function recoverAt(now: number) {
  return { step: "recover", input: { now, receiptWindowMs: HOUR_MS, limit: 100 } } as const;
}

function receipt(message: { _id: string }, status: "SENT" | "FAILED" | "DELIVERED" | "READ", at = NOW): StatusEvent {
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

function fold(store: Store, receipts: readonly StatusEvent[], now = NOW, campaigns: readonly string[] = []) {
  return store.carryOut([{ step: "fold", input: { receipts, campaigns, now, receiptWindowMs: HOUR_MS } }]);
}

function describeStatuses(store: () => Store): void {
  test("receipts in any order and doubled end the same, and never go backwards", async () => {
    const orders: StatusEvent["status"][][] = [
      ["SENT", "DELIVERED", "READ"],
      ["READ", "DELIVERED", "SENT"],
      ["DELIVERED", "READ", "DELIVERED", "SENT", "READ"],
    ];
    const { campaign, messages } = await sending(store(), orders.length);
    for (const [index, order] of orders.entries()) {
      const message = messages[index];
      if (message === undefined) throw new Error("A message for each order was expected");
      for (const status of order) await fold(store(), [{ ...receipt(message, "SENT"), status }]);
      await record(store(), message, SENT);
      expect(await store().messages.read(message._id)).toMatchObject({
        status: "READ",
        delivered_at: NOW,
        read_at: NOW,
        sent_at: NOW,
      });
    }
    await expectLedgerToClose(store(), campaign);
  });

  test("a late delivery beats a failure, and a late failure does not undo a delivery", async () => {
    const { campaign, messages } = await sending(store(), 2);
    const [first, second] = messages;
    if (first === undefined || second === undefined) throw new Error("Two were expected");
    await fold(store(), [receipt(first, "FAILED"), receipt(second, "DELIVERED")]);
    expect(await store().messages.read(first._id)).toMatchObject({ status: "FAILED", code: "131026", reason: "Not on WhatsApp" });
    await fold(store(), [receipt(first, "DELIVERED"), receipt(second, "FAILED")]);
    expect(await store().messages.read(first._id)).toMatchObject({ status: "DELIVERED", code: null, settled_at: null });
    expect(await store().messages.read(second._id)).toMatchObject({ status: "DELIVERED", code: null });
    await expectLedgerToClose(store(), campaign);
  });

  test("a campaign completes when nothing is pending and every sent message has its receipt", async () => {
    const { campaign, messages } = await sending(store(), 2);
    const [first, second] = messages;
    if (first === undefined || second === undefined) throw new Error("Two were expected");
    await record(store(), first, SENT);
    await record(store(), second, { kind: "failed", code: "131026", reason: "Not on WhatsApp" });
    const sentOnly = await fold(store(), [], NOW, [campaign._id]);
    expect(sentOnly.results).toMatchObject([{ completed: [] }]);
    const { results } = await fold(store(), [receipt(first, "DELIVERED")], NOW + 7);
    expect(results).toEqual([{ moved: 1, completed: [campaign._id] }]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "COMPLETED", completed_at: NOW + 7 });
  });

  test("receipts that never come end with their window, and those that come later still count", async () => {
    const { campaign, messages } = await sending(store(), 1);
    const [message] = messages;
    if (message === undefined) throw new Error("One was expected");
    await record(store(), message, SENT);
    expect((await store().carryOut([recoverAt(NOW + HOUR_MS)])).results).toMatchObject([{ completed: [] }]);
    expect((await store().carryOut([recoverAt(NOW + HOUR_MS + 1)])).results).toMatchObject([{ completed: [campaign._id] }]);
    await fold(store(), [receipt(message, "DELIVERED")]);
    expect(ledgerOf((await store().campaigns.read(campaign._id)) ?? campaign)).toMatchObject({ sent: 1, delivered: 1 });
  });

  test("statuses of unknown messages are passed over", async () => {
    expect((await fold(store(), [receipt({ _id: messageId(newId(), newId()) }, "READ")])).results).toEqual([
      { moved: 0, completed: [] },
    ]);
    expect((await fold(store(), [receipt({ _id: "nonsense" }, "READ")])).results).toEqual([{ moved: 0, completed: [] }]);
  });
}
