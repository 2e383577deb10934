/** Owns the contract of reading the ledger: its pages, its walk, its counters, and the looks that find what is broken. */
import { describe, expect, test } from "vitest";
import { differencesOf } from "../../campaign/audit.ts";
import type { Campaign } from "../../campaign/campaign.ts";
import { NO_OPTIONS } from "../../campaign/options.ts";
import { chanceFrom } from "../../chance.ts";
import { MESSAGE_STATUSES, type Message } from "../../message/message.ts";
import type { SendOutcome } from "../../message/outcome.ts";
import type { MessageFilter, Store } from "../../ports/store.ts";
import { draft, importLeads, leadInputs, NOW, startOf } from "../samples.ts";
import {
  admit,
  claimed,
  expandAll,
  expectLedgerToClose,
  fold,
  LEASE_MS,
  receipt,
  record,
  recoverAt,
  rowsOf,
  running,
  SENT,
} from "./world.ts";

const LEADS = 90;
const LEADS_PER_WINDOW = 17;
const VARIANTS = [
  { name: "Short", percent: 50, message_template: "Hi {{name}}" },
  { name: "Long", percent: 50, message_template: "Dear {{name}}" },
];
const CODES = ["131026", "render_failed", "no_answer", "opted_out", "blank_variable", "131000", "nothing"];

/** A campaign over several windows whose messages stand all over the ledger, drawn from `seed`. */
async function scattered(store: Store, seed: number): Promise<Campaign> {
  const chance = chanceFrom([seed, 0]);
  const one = <T>(list: readonly T[]): T => list[Math.floor(chance() * list.length)] ?? (list[0] as T);
  await importLeads(
    store,
    leadInputs(LEADS).map((input) => (chance() < 0.1 ? { ...input, phones: [] } : input)),
  );
  const campaign = draft({ options: { ...NO_OPTIONS, variants: VARIANTS } });
  await store.campaigns.create(campaign);
  await store.carryOut([startOf(campaign, { expected: LEADS })]);
  await expandAll(store, campaign, LEADS_PER_WINDOW);

  const outcomes: readonly (() => SendOutcome | null)[] = [
    () => null,
    () => SENT,
    () => ({ kind: "failed", code: one(["131026", "render_failed"]), reason: "It failed" }),
    () => ({ kind: "uncertain", code: "no_answer", reason: "Nobody answered" }),
    () => ({ kind: "retry", code: "131000", reason: "Later", dueAt: NOW + 1_000 }),
    () => ({ kind: "released" }),
    () => ({ kind: "skipped", reason: one(["opted_out", "blank_variable"]), detail: "Not now" }),
  ];
  for (let round = 0; round < 12; round += 1) {
    const messages = await claimed(store, campaign, { max: 6 });
    await admit(
      store,
      messages.filter(() => chance() < 0.9),
    );
    for (const message of messages) {
      const outcome = one(outcomes)();
      if (outcome !== null) await record(store, message, outcome);
      if (chance() < 0.4) await fold(store, [receipt(message, one(["SENT", "DELIVERED", "READ", "FAILED"]))]);
    }
  }
  return campaign;
}

function matching(rows: readonly Message[], { status, code }: MessageFilter): Message[] {
  return rows.filter((row) => (status === null || row.status === status) && (code === null || row.code === code));
}

export function describeLedger(store: () => Store): void {
  describe.each([1, 2, 3])("a ledger drawn from seed %i", (seed) => {
    test("is the same in pages and in walks, by whatever it is filtered, and its counters equal its rows", async () => {
      const campaign = await scattered(store(), seed);
      await expectLedgerToClose(store(), campaign);
      const rows = await rowsOf(store(), campaign);
      expect(rows).toHaveLength(LEADS);
      const counts = await store().messages.counts(campaign._id);

      for (const status of [null, ...MESSAGE_STATUSES]) {
        for (const code of [null, ...CODES]) {
          const filter = { status, code };
          const expected = matching(rows, filter);
          for (const limit of [7, 40]) {
            const pages = Array.from({ length: Math.ceil(expected.length / limit) + 1 }, (_, index) => index + 1);
            const read = [];
            for (const page of pages) {
              const { items, total } = await store().messages.ofCampaign(campaign._id, { ...filter, page, limit });
              expect(total).toBe(expected.length);
              read.push(...items);
            }
            expect(read).toEqual(expected);
          }
          expect(await walk(store(), campaign, filter, 11)).toEqual(expected.map(({ lead_id }) => lead_id));
          if (code === null && status !== null) {
            const counted = counts.filter((count) => count.status === status);
            expect(counted.reduce((sum, { messages }) => sum + messages, 0)).toBe(expected.length);
          }
        }
      }
    });
  });

  test("a walk names each lead as it is now, and no longer one that is gone", async () => {
    const campaign = await running(store(), 3);
    await expandAll(store(), campaign);
    const [first, second] = await rowsOf(store(), campaign);
    await store().leads.change(first?.lead_id ?? "", { name: "Anna" }, NOW);
    await store().leads.remove(second?.lead_id ?? "");
    const named = await store().messages.next(campaign._id, { status: null, code: null, after: null, limit: 10 });
    expect(named.map(({ name }) => name)).toEqual(["Anna", null, "Lead 2"]);
  });

  test("an audit of what does not exist, or was never run, finds nothing", async () => {
    const campaign = draft();
    expect(await store().messages.audit(campaign._id)).toEqual({ counters: [], rows: [] });
    await store().campaigns.create(campaign);
    expect(differencesOf(await store().messages.audit(campaign._id))).toEqual([]);
  });

  test("where all is well the looks find nothing, and a claim that nobody has freed is found when its lease is over", async () => {
    const campaign = await running(store(), 5);
    await expandAll(store(), campaign);
    await claimed(store(), campaign, { max: 2 });
    await store().leads.add({ name: "Tagged", emails: ["tagged@example.com"], tags: ["vip"] }, NOW);
    expect(await store().checks.integrity(10)).toEqual([]);
    expect(await store().checks.leads(3)).toMatchObject({ total: 6, counted: 6, problems: [] });
    expect((await store().checks.leads(100)).looked).toBe(6);
    expect(await store().checks.overdueClaims(NOW + LEASE_MS, 10)).toEqual([]);
    expect(await store().checks.overdueClaims(NOW + LEASE_MS + 1, 10)).toEqual([
      { worker: "w1", campaign_id: campaign._id, messages: 2, until: NOW + LEASE_MS },
    ]);
    await store().carryOut([recoverAt(NOW + LEASE_MS)]);
    expect(await store().checks.overdueClaims(NOW + LEASE_MS + 1, 10)).toEqual([]);
  });
}

/** Every lead of the walk, `limit` at a time. */
async function walk(store: Store, campaign: Campaign, filter: MessageFilter, limit: number): Promise<string[]> {
  const leads: string[] = [];
  for (let after: string | null = null; leads.length <= LEADS; ) {
    const messages: Message[] = await store.messages.next(campaign._id, { ...filter, after, limit });
    for (const { lead_id } of messages) leads.push(lead_id);
    after = messages.at(-1)?.lead_id ?? null;
    if (after === null) return leads;
  }
  throw new Error("The walk did not end");
}
