/** Owns the contract of the step `hear`: inbound texts, whom they opt out and in, and which message they answer. */
import { describe, expect, test } from "vitest";
import { type Campaign } from "../../campaign/campaign.ts";
import { type Consent, type LeadInput } from "../../lead/lead.ts";
import { ANSWER_EARLY_MS, ANSWER_WINDOW_MS } from "../../message/inbound.ts";
import { messageId } from "../../message/message.ts";
import { type Store } from "../../ports/store.ts";
import { importLeads, NOW } from "../samples.ts";
import {
  ANA,
  admit,
  claimed,
  expandAll,
  expectLedgerToClose,
  HOUR_MS,
  hear,
  inbound,
  record,
  running,
  SENT,
  sending,
  steer,
} from "./world.ts";

const LATER = NOW + HOUR_MS;

async function addLead(store: Store, fields: LeadInput): Promise<string> {
  return (await store.leads.add(fields, NOW)).lead._id;
}

async function consentOf(store: Store, id: string): Promise<Consent | undefined> {
  return (await store.leads.read(id))?.consent;
}

export function describeInbound(store: () => Store): void {
  describe("an inbound text", () => {
    test("is written down once, however often it is heard", async () => {
      const id = await addLead(store(), { name: "Ana", phones: [ANA] });
      const text = inbound("Hi there", { name: "Ana B." });
      expect(await hear(store(), [text, text])).toEqual({ heard: 1, opted_out: 0 });
      expect(await hear(store(), [{ ...text, text: "something else" }], LATER + 1)).toEqual({ heard: 0, opted_out: 0 });
      expect(await store().inbound.ofLead(id, 10)).toEqual([
        {
          _id: text.provider_id,
          channel_id: "default",
          phone: ANA,
          name: "Ana B.",
          lead_id: id,
          text: "Hi there",
          wish: null,
          campaign_id: null,
          at: text.at,
          received_at: LATER,
        },
      ]);
    });

    test("is written down once where several hear it at once", async () => {
      await addLead(store(), { name: "Ana", phones: [ANA] });
      const stop = inbound("STOP");
      const results = await Promise.all([1, 2, 3].map(() => hear(store(), [stop])));
      const sum = (of: "heard" | "opted_out") => results.reduce((total, result) => total + (result?.[of] ?? 0), 0);
      expect([sum("heard"), sum("opted_out")]).toEqual([1, 1]);
    });

    test("that is known takes back nothing that was said since", async () => {
      const id = await addLead(store(), { name: "Ana", phones: [ANA] });
      const stop = inbound("STOP");
      await hear(store(), [stop]);
      await store().leads.change(id, { consent: { state: "opted_in", source: "call", at: null } }, LATER);
      expect(await hear(store(), [stop], LATER + 1)).toEqual({ heard: 0, opted_out: 0 });
      expect(await consentOf(store(), id)).toEqual({ state: "opted_in", source: "call", at: LATER });
    });

    test("is shown with every lead that has the number, newest first, and names the oldest of them", async () => {
      const oldest = await addLead(store(), { external_id: "1", phones: ["+14155550999", ANA] });
      const other = await addLead(store(), { external_id: "2", phones: [ANA] });
      const stranger = await addLead(store(), { external_id: "3", phones: ["+14155550001"] });
      await hear(store(), [inbound("one"), inbound("three", { at: NOW + 3 }), inbound("two", { at: NOW + 2 })]);
      for (const id of [oldest, other]) {
        const shown = await store().inbound.ofLead(id, 2);
        expect(shown.map(({ text, lead_id }) => [text, lead_id])).toEqual([
          ["one", oldest],
          ["three", oldest],
        ]);
      }
      expect(await store().inbound.ofLead(stranger, 10)).toEqual([]);
    });

    test("of somebody unknown is kept, and shown with whoever has the number later", async () => {
      expect(await hear(store(), [inbound("STOP")])).toEqual({ heard: 1, opted_out: 0 });
      const id = await addLead(store(), { name: "Ana", phones: [ANA] });
      expect(await store().inbound.ofLead(id, 10)).toMatchObject([{ lead_id: null, wish: "stop", text: "STOP" }]);
    });
  });

  describeConsentByText(store);
  describeAnswers(store);
}

function describeConsentByText(store: () => Store): void {
  describe("a STOP", () => {
    test("opts out everybody with the number, at the moment it was written, and nobody else", async () => {
      const one = await addLead(store(), { external_id: "1", phones: ["+14155550999", ANA] });
      const two = await addLead(store(), {
        external_id: "2",
        phones: [ANA],
        consent: { state: "opted_in", source: "form", at: NOW },
      });
      const stranger = await addLead(store(), { external_id: "3", phones: ["+14155550001"] });
      expect(await hear(store(), [inbound("Stop!", { at: NOW + 5 })])).toEqual({ heard: 1, opted_out: 2 });
      for (const id of [one, two]) {
        expect(await consentOf(store(), id)).toEqual({ state: "opted_out", source: "STOP", at: NOW + 5 });
        expect(await store().leads.read(id)).toMatchObject({ updated_at: LATER });
      }
      expect(await consentOf(store(), stranger)).toMatchObject({ state: "unknown" });
      const told = (await store().activity.after(0, 10)).map(({ kind, subject }) => [kind, subject]);
      expect(told).toEqual([
        ["message.received", one],
        ["lead.opted_out", one],
        ["lead.opted_out", two],
      ]);
      expect(await hear(store(), [inbound("stop")])).toEqual({ heard: 1, opted_out: 0 });
    });

    test("that seems to be written later than now is of now", async () => {
      const id = await addLead(store(), { phones: [ANA] });
      await hear(store(), [inbound("STOP", { at: LATER + HOUR_MS })], LATER);
      expect(await consentOf(store(), id)).toEqual({ state: "opted_out", source: "STOP", at: LATER });
    });

    test("is in no text that says more", async () => {
      const id = await addLead(store(), { phones: [ANA] });
      await hear(store(), [inbound("Please don't stop")]);
      expect(await consentOf(store(), id)).toMatchObject({ state: "unknown" });
    });

    test("by WhatsApp's own controls counts before what the text says", async () => {
      const id = await addLead(store(), { phones: [ANA] });
      expect(await hear(store(), [inbound("Not interested", { wish: "stop" })])).toEqual({ heard: 1, opted_out: 1 });
      expect(await store().inbound.ofLead(id, 1)).toMatchObject([{ wish: "stop", text: "Not interested" }]);
      await hear(store(), [inbound("STOP", { wish: "start", at: NOW + 2_000 })]);
      expect(await consentOf(store(), id)).toMatchObject({ state: "opted_in" });
    });

    test("leaves everything else of a lead as it is", async () => {
      const id = await addLead(store(), {
        name: "Ana",
        phones: [ANA],
        emails: ["ana@example.com"],
        tags: ["vip"],
        metadata: { a: [1] },
      });
      const before = await store().leads.read(id);
      await hear(store(), [inbound("STOP")]);
      const after = await store().leads.read(id);
      expect(after).toEqual({ ...before, consent: after?.consent, updated_at: LATER });
    });

    test("keeps a message that is claimed already from being sent", async () => {
      const campaign = await running(store(), 2);
      await expandAll(store(), campaign);
      const messages = await claimed(store(), campaign);
      await hear(store(), [inbound("STOP")]);
      const [ana, other] = messages;
      expect(await admit(store(), messages)).toMatchObject({ admitted: [other?._id], opted_out: [ana?._id] });
    });
  });

  describe("a STOP of a number that nobody had", () => {
    const STOPPED = { state: "opted_out", source: "STOP", at: NOW + 1_000 };

    test("holds for whoever comes with it later: imported, added, or given it", async () => {
      await addLead(store(), { name: "Known before", external_id: "1" });
      await hear(store(), [inbound("STOP")]);
      await importLeads(
        store(),
        [
          { external_id: "2", phones: [ANA] },
          { external_id: "3", phones: ["+14155550001"] },
        ],
        LATER,
      );
      const { items } = await store().leads.list({
        page: 1,
        limit: 10,
        rule: null,
        sort: { by: "created_at", direction: "asc" },
        now: LATER,
      });
      expect(items.map(({ external_id, consent }) => [external_id, consent.state])).toEqual([
        ["1", "unknown"],
        ["2", "opted_out"],
        ["3", "unknown"],
      ]);
      const changed = await store().leads.change(items[0]?._id ?? "", { phones: [ANA] }, LATER);
      expect(changed).toMatchObject({ kind: "changed", lead: { consent: STOPPED } });
      await importLeads(store(), [{ external_id: "3", phones: [ANA] }], LATER);
      expect(await consentOf(store(), items[2]?._id ?? "")).toEqual(STOPPED);
    });

    test("holds for whoever is brought with it at the same moment", async () => {
      const numbers = [1, 2, 3, 4, 5].map((digit) => `+1415555010${digit}`);
      for (const phone of numbers) {
        const [id] = await Promise.all([
          addLead(store(), { phones: [phone] }),
          hear(store(), [inbound("STOP", { from: phone })]),
        ]);
        expect(await consentOf(store(), id)).toMatchObject({ state: "opted_out", source: "STOP" });
      }
    });

    test("gives way to an agreement that is later, and to a START", async () => {
      await hear(store(), [inbound("STOP")]);
      const agreed = { state: "opted_in", source: "form", at: NOW + 2_000 } as const;
      const { lead } = await store().leads.add({ external_id: "1", phones: [ANA], consent: agreed }, LATER);
      expect(lead.consent).toEqual(agreed);
      await hear(store(), [inbound("START", { at: NOW + 3_000 })]);
      const id = await addLead(store(), { external_id: "2", phones: [ANA] });
      expect(await consentOf(store(), id)).toMatchObject({ state: "unknown" });
    });
  });

  test("a STOP also holds for a message to the number that its lead had before", async () => {
    const campaign = await running(store(), 2);
    await expandAll(store(), campaign);
    const messages = await claimed(store(), campaign);
    const [moved, other] = messages;
    await store().leads.change(moved?.lead_id ?? "", { phones: ["+14155550777"] }, NOW);
    await hear(store(), [inbound("STOP")]);
    expect(await consentOf(store(), moved?.lead_id ?? "")).toMatchObject({ state: "unknown" });
    expect(await admit(store(), messages)).toMatchObject({ admitted: [other?._id], opted_out: [moved?._id] });
  });

  test("of a STOP and a START at the same moment the STOP counts for whoever comes later", async () => {
    await hear(store(), [inbound("START", { at: NOW + 5 }), inbound("STOP", { at: NOW + 5 })]);
    const { lead } = await store().leads.add({ external_id: "1", phones: [ANA] }, LATER);
    expect(lead.consent).toMatchObject({ state: "opted_out" });
  });

  describe("a START", () => {
    test("opts in again everybody whom a STOP has opted out, and nobody else", async () => {
      const one = await addLead(store(), { external_id: "1", phones: [ANA] });
      const two = await addLead(store(), { external_id: "2", phones: [ANA] });
      const out: Consent = { state: "opted_out", source: "complaint", at: NOW };
      const complained = await addLead(store(), { external_id: "3", phones: [ANA], consent: out });
      await hear(store(), [inbound("STOP", { at: NOW + 5 })]);
      expect(await hear(store(), [inbound("START", { at: NOW + 6 })])).toEqual({ heard: 1, opted_out: 0 });
      for (const id of [one, two])
        expect(await consentOf(store(), id)).toEqual({ state: "opted_in", source: "START", at: NOW + 6 });
      expect(await consentOf(store(), complained)).toEqual({ ...out, at: NOW + 5 });
    });

    test("that was written before the STOP ends nothing, in whatever order they are heard", async () => {
      const id = await addLead(store(), { phones: [ANA] });
      await hear(store(), [
        inbound("STOP", { at: NOW + 5 }),
        inbound("START", { at: NOW + 4 }),
        inbound("START", { at: NOW + 5 }),
      ]);
      expect(await consentOf(store(), id)).toEqual({ state: "opted_out", source: "STOP", at: NOW + 5 });
    });
  });
}

function describeAnswers(store: () => Store): void {
  /** A campaign whose messages were sent at `at`, to `leads` recipients who are in the store already. */
  async function sentAt(at: number): Promise<Campaign> {
    const campaign = await running(store(), 0);
    await expandAll(store(), campaign);
    const messages = await claimed(store(), campaign, { now: at });
    await admit(store(), messages, { now: at });
    for (const message of messages) await record(store(), message, SENT, "w1", at);
    return campaign;
  }
  async function idOfAna(): Promise<string> {
    return addLead(store(), { phones: [ANA] });
  }
  async function messageOf(campaign: Campaign) {
    return store().messages.read(messageId(campaign._id, await idOfAna()));
  }
  const campaignsAnswered = async () => (await store().inbound.ofLead(await idOfAna(), 10)).map(({ campaign_id }) => campaign_id);

  describe("an answer", () => {
    test("counts for the message that went last to its sender, with the time of the first", async () => {
      await importLeads(store(), [{ name: "Ana", phones: [ANA] }]);
      const earlier = await sentAt(NOW);
      const last = await sentAt(NOW + HOUR_MS);
      const at = NOW + 2 * HOUR_MS;
      await hear(store(), [inbound("Thanks!", { at })], at);
      await hear(store(), [inbound("And one more thing", { at: at + 5 })], at + 5);
      expect(await messageOf(last)).toMatchObject({ replied_at: at, opted_out_at: null });
      expect(await messageOf(earlier)).toMatchObject({ replied_at: null, opted_out_at: null });
      expect(await campaignsAnswered()).toEqual([last._id, last._id]);
      await expectLedgerToClose(store(), last);
    });

    test("that is a STOP counts as both, and leaves the message's status", async () => {
      await importLeads(store(), [{ name: "Ana", phones: [ANA] }]);
      const campaign = await sentAt(NOW);
      await hear(store(), [inbound("Thanks!", { at: NOW + 5_000 }), inbound("STOP", { at: NOW + 9_000 })]);
      expect(await messageOf(campaign)).toMatchObject({ status: "SENT", replied_at: NOW + 5_000, opted_out_at: NOW + 9_000 });
      await expectLedgerToClose(store(), campaign);
    });

    test("counts within three days, even where clocks make it a second early, and no longer", async () => {
      const times = [-ANSWER_EARLY_MS - 1, -ANSWER_EARLY_MS, ANSWER_WINDOW_MS, ANSWER_WINDOW_MS + 1];
      const answered: boolean[] = [];
      await importLeads(store(), [{ name: "Ana", phones: [ANA] }]);
      for (const [index, time] of times.entries()) {
        const sent = NOW + index * 10 * ANSWER_WINDOW_MS;
        const campaign = await sentAt(sent);
        await hear(store(), [inbound("Thanks!", { at: sent + time })], sent + ANSWER_WINDOW_MS + 1);
        answered.push((await messageOf(campaign))?.replied_at !== null);
      }
      expect(answered).toEqual([false, true, true, false]);
    });

    test("counts for a message of which nobody knows yet whether it was sent", async () => {
      const { campaign, messages } = await sending(store(), 1);
      await hear(store(), [inbound("Thanks!")]);
      expect(await messageOf(campaign)).toMatchObject({ status: "SENDING", replied_at: NOW + 1_000 });
      const [message] = messages;
      if (message === undefined) throw new Error("One was expected");
      await record(store(), message, SENT);
      expect(await messageOf(campaign)).toMatchObject({ status: "SENT", replied_at: NOW + 1_000 });
    });

    test("counts for no message that has not gone out or has failed, and for none of another channel", async () => {
      const { campaign, messages } = await sending(store(), 1);
      const [message] = messages;
      if (message === undefined) throw new Error("One was expected");
      await hear(store(), [inbound("Thanks!", { channel_id: "other" })]);
      await record(store(), message, { kind: "failed", code: "131026", reason: "Not on WhatsApp" });
      await hear(store(), [inbound("Thanks!")]);
      expect(await messageOf(campaign)).toMatchObject({ replied_at: null });
      const waiting = await running(store(), 0);
      await expandAll(store(), waiting);
      await hear(store(), [inbound("Thanks!")]);
      expect(await messageOf(waiting)).toMatchObject({ status: "PENDING", replied_at: null });
      expect(await campaignsAnswered()).toEqual([null, null, null]);
    });

    test("counts for the message to another lead with the same number", async () => {
      const one = await addLead(store(), { external_id: "1", name: "Ana", phones: [ANA] });
      await addLead(store(), { external_id: "2", name: "Ana", phones: [ANA] });
      const campaign = await sentAt(NOW);
      await hear(store(), [inbound("STOP")]);
      const rows = (await store().messages.ofCampaign(campaign._id, { page: 1, limit: 10, status: null, code: null })).items;
      expect(rows.map(({ status, opted_out_at }) => [status, opted_out_at])).toEqual([
        ["SENT", NOW + 1_000],
        ["SKIPPED", null],
      ]);
      expect(await store().inbound.ofLead(one, 1)).toMatchObject([{ campaign_id: campaign._id, lead_id: one }]);
    });
  });

  describe("the reactions to a campaign", () => {
    const reactionsTo = ({ _id }: Campaign) => store().inbound.reactions(_id);

    test("count each recipient once as having replied and once as having opted out", async () => {
      const { campaign } = await sending(store(), 4);
      expect(await reactionsTo(campaign)).toEqual([]);
      const written: [number, string][] = [
        [0, "Thanks!"],
        [0, "See you"],
        [1, "STOP"],
        [1, "STOP"],
        [2, "When?"],
        [2, "stop please"],
        [9, "STOP"],
      ];
      const events = written.map(([lead, text], index) => inbound(text, { from: `+1415555000${lead}`, at: NOW + index }));
      await hear(store(), events.slice(0, 3));
      await Promise.all(events.slice(3).map((event) => hear(store(), [event])));
      expect(await reactionsTo(campaign)).toEqual([{ variant: 0, replied: 3, opted_out: 2 }]);
    });

    test("go with it", async () => {
      const { campaign } = await sending(store(), 1);
      await hear(store(), [inbound("Thanks!")]);
      expect(await reactionsTo(campaign)).toEqual([{ variant: 0, replied: 1, opted_out: 0 }]);
      await steer(store(), campaign, "cancel");
      expect(await store().campaigns.remove(campaign._id)).toEqual({ kind: "removed" });
      expect(await reactionsTo(campaign)).toEqual([]);
    });
  });
}
