/** Owns the contract of claim, admit, record and recover: that a message goes out once. */
import { expect, test } from "vitest";
import type { FrozenContent, FrozenRun } from "../../campaign/campaign.ts";
import { NO_CONTENT } from "../../campaign/earlier-versions.ts";
import { type CampaignOptions, NO_OPTIONS } from "../../campaign/options.ts";
import { noAdmission } from "../../message/admission.ts";
import { messageId } from "../../message/message.ts";
import { type Store } from "../../ports/store.ts";
import { draft, importLeads, leadInputs, NOW, startOf } from "../samples.ts";
import {
  admit,
  claimed,
  claimFrom,
  expandAll,
  expectLedgerToClose,
  LEASE_MS,
  record,
  recoverAt,
  rowsOf,
  running,
  SENT,
  sending,
  THREE_A_MINUTE,
} from "./world.ts";

const RATE = { messages: 3, windowMs: 60_000 };

export function describeSending(store: () => Store): void {
  test("a message is claimed by one worker, with the lead and the texts that there are", async () => {
    const campaign = await running(store(), 3);
    await expandAll(store(), campaign);
    const first = await claimFrom(store(), campaign, { worker: "w1", max: 2 });
    expect(first).toMatchObject({ kind: "claimed", variants: [{ template: "Hi {{name}}!" }] });
    expect(first.kind === "claimed" && first.messages.map(({ lead, attempt }) => [lead?.name, attempt])).toEqual([
      ["Lead 0", 1],
      ["Lead 1", 1],
    ]);
    expect((await claimed(store(), campaign, { worker: "w2" })).map(({ lead }) => lead?.name)).toEqual(["Lead 2"]);
    expect(await claimFrom(store(), campaign, { worker: "w3" })).toEqual({ kind: "nothing" });
    await expectLedgerToClose(store(), campaign);
  });

  test("a claim says what else goes out, and nothing more than the text for a campaign that was frozen before that could be", async () => {
    await importLeads(store(), leadInputs(1));
    const media = { kind: "image", link: "https://example.com/a.png", filename: null } as const;
    const full: FrozenContent = { media, buttons: ["Yes", "No"], template: null };
    const { content: _, ...before } = startOf(draft()).input.frozen;
    const contents: FrozenContent[] = [];
    for (const frozen of [{ ...before, content: full }, before as FrozenRun]) {
      const campaign = draft();
      await store().campaigns.create(campaign);
      const start = startOf(campaign);
      await store().carryOut([{ ...start, input: { ...start.input, frozen } }]);
      await expandAll(store(), campaign);
      const claim = await claimFrom(store(), campaign);
      if (claim.kind === "claimed") contents.push(claim.content);
    }
    expect(contents).toEqual([full, NO_CONTENT]);
  });

  test("a campaign that was stored before an option could be set has it not set", async () => {
    const { buttons: _, ...options } = NO_OPTIONS;
    const campaign = draft({ options: options as CampaignOptions });
    await store().campaigns.create(campaign);
    expect(await store().campaigns.read(campaign._id)).toEqual({ ...campaign, options: NO_OPTIONS });
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
    expect(await admit(store(), messages)).toEqual({ ...noAdmission(), admitted: [second._id], opted_out: [first._id] });
    await record(store(), first, { kind: "skipped", reason: "opted_out", detail: "Does not want messages" });
    expect(await store().messages.read(first._id)).toMatchObject({ status: "SKIPPED", code: "opted_out", text: null });
    await expectLedgerToClose(store(), campaign);
  });

  test("a channel never admits more than its rate in any window, whoever asks", async () => {
    const campaign = await running(store(), 10);
    await expandAll(store(), campaign);
    const first = await claimed(store(), campaign, { limits: THREE_A_MINUTE });
    expect(first).toHaveLength(3);
    const more = await claimed(store(), campaign, { worker: "w2", max: 3 });
    expect((await admit(store(), first, { limits: THREE_A_MINUTE })).admitted).toHaveLength(3);
    expect((await admit(store(), more, { worker: "w2", limits: THREE_A_MINUTE })).admitted).toEqual([]);
    expect(await store().messages.rateUse("default", RATE, NOW)).toEqual({ used: 3, resetAt: NOW + 60_000 });
    expect(await claimFrom(store(), campaign, { limits: THREE_A_MINUTE, now: NOW + 59_999 })).toEqual({
      kind: "limited",
      until: NOW + 60_000,
      by: "rate",
    });
    expect(await claimed(store(), campaign, { limits: THREE_A_MINUTE, now: NOW + 60_000 })).toHaveLength(3);
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
    await store().processes.sign({ _id: "w1", role: "workers", seen_at: NOW, detail: { stages: {}, channels: [] } });
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

  test("a campaign that was complete goes on where a worker wakes up and says that a message did not go out", async () => {
    const { campaign, messages } = await sending(store(), 2);
    const [back, sent] = messages;
    if (back === undefined || sent === undefined) throw new Error("Two were expected");
    await record(store(), sent, { kind: "failed", code: "131026", reason: "Not on WhatsApp" });
    await store().carryOut([recoverAt(NOW + LEASE_MS)]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "COMPLETED", counts: { UNCERTAIN: 1 } });
    const dueAt = NOW + LEASE_MS + 10;
    const { raised } = await record(
      store(),
      back,
      { kind: "retry", code: "131000", reason: "Later", dueAt },
      "w1",
      NOW + LEASE_MS + 1,
    );
    expect(raised).toMatchObject([{ topic: "campaign.jobs", value: { campaign_id: campaign._id, after: null } }]);
    expect(await store().campaigns.read(campaign._id)).toMatchObject({ status: "RUNNING", completed_at: null });
    await store().carryOut([recoverAt(dueAt)]);
    expect(await claimed(store(), campaign, { worker: "w2", now: dueAt })).toMatchObject([{ _id: back._id, attempt: 2 }]);
    await expectLedgerToClose(store(), campaign);
  });

  test("a late word that a message was sent ends its wait, and holds nobody else up", async () => {
    const { campaign, messages } = await sending(store(), 1);
    const [message] = messages;
    if (message === undefined) throw new Error("One was expected");
    await store().carryOut([recoverAt(NOW + LEASE_MS)]);
    const choice = { status: "UNCERTAIN", code: null, lead_ids: null } as const;
    const now = NOW + LEASE_MS;
    const again = { campaign_id: campaign._id, choice, after: null, expected: null, limit: 10, now } as const;
    await store().carryOut([{ step: "retry", input: again }]);
    const [second] = await claimed(store(), campaign, { worker: "w2", now });
    if (second === undefined) throw new Error("It was to be tried again");
    const until = now + 1_000;
    await record(store(), second, { kind: "deferred", code: "quiet_hours", reason: "Late", dueAt: until }, "w2", now);
    await record(store(), message, SENT, "w1", now);
    expect(await store().messages.read(message._id)).toMatchObject({ status: "SENT", due_at: null, code: null });
    expect(await store().messages.nextDue(campaign._id)).toBeNull();
    expect((await store().carryOut([recoverAt(until)])).results).toMatchObject([{ due: 0 }]);
    await expectLedgerToClose(store(), campaign);
  });

  test("looks that nobody could carry out yet are raised again, as they were", async () => {
    const campaign = await running(store(), 4);
    const windows = (await expandAll(store(), campaign, 2)).map(({ value }) => value);
    const { results, raised } = await store().carryOut([{ step: "requeue", input: { windows } }]);
    expect(results).toEqual([{ requeued: 2 }]);
    expect(raised).toEqual(windows.map((value) => ({ topic: "campaign.messages", key: "default", value })));
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
