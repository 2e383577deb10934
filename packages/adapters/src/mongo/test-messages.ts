/** Owns test messages on MongoDB: written down, claimed, recorded, and what receipts say of them. */
import type { Input, Stepped } from "@mini-crm/core/event/raised";
import type { StatusEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { LEASE_EXPIRED } from "@mini-crm/core/message/outcome";
import { optedOutTest, type TestMessage, testAfterOutcome, testAfterReceipt } from "@mini-crm/core/message/test-message";
import type { StepResult } from "@mini-crm/core/ports/steps";
import type { Page, PageRequest, TestClaim, TestMessageStore } from "@mini-crm/core/ports/store";
import type { TestMessageDocument } from "./documents.ts";
import { channelLock, lock } from "./locks.ts";
import { countSends, rateUse } from "./rate.ts";
import type { Tables } from "./tables.ts";

type ClaimRequest = Parameters<TestMessageStore["claim"]>[0];
type RecordRequest = Parameters<TestMessageStore["record"]>[0];

/** The step `test`. */
export async function test(tables: Tables, { tests }: Input<"test">): Promise<Stepped<StepResult<"test">>> {
  await tables.test_message.insert(tests.map((queued) => ({ ...queued, worker: null, lease_until: null })));
  const raised = tests.map(({ _id, channel_id }) => {
    return { topic: "campaign.tests", key: channel_id, value: { version: 1, test_id: _id, channel_id } } as const;
  });
  return { result: { queued: tests.length }, raised };
}

export async function claimTest(tables: Tables, { _id, worker, rate, leaseMs, now }: ClaimRequest): Promise<TestClaim> {
  const known = await tables.test_message.one({ _id });
  if (known?.status !== "PENDING") return { kind: "nothing" };
  const { phone, channel_id } = known;
  const holders = await tables.lead.find({ phones: phone }, { projection: { "consent.state": 1 } });
  if (holders.some(({ consent }) => consent.state === "opted_out")) {
    await write(tables, optedOutTest(known));
    return { kind: "nothing" };
  }
  // Whoever sends on this channel at the same moment counts this one, or is counted here.
  await lock(tables, channelLock(channel_id));
  const use = rate === null ? null : await rateUse(tables, channel_id, rate, now);
  if (rate !== null && use !== null && use.used >= rate.messages) return { kind: "limited", until: use.resetAt };
  const claimed: TestMessageDocument = { ...known, status: "SENDING", sending_at: now, worker, lease_until: now + leaseMs };
  await tables.test_message.put(claimed);
  // In no campaign's name: it takes of the channel's rate, and is no part of how fast the campaign goes.
  await countSends(tables, { channelId: channel_id, campaignId: "", messages: 1 }, now);
  return { kind: "claimed", test: testOf(claimed) };
}

export async function recordTest(tables: Tables, { _id, worker, outcome, now }: RecordRequest): Promise<void> {
  const known = await tables.test_message.one({ _id });
  if (known === null) return;
  const next = testAfterOutcome(known, { stillTheWorkers: known.worker === worker, outcome, now });
  if (next !== null) await write(tables, next);
}

export async function testsOfCampaign(
  tables: Tables,
  campaignId: string,
  { page, limit }: PageRequest,
): Promise<Page<TestMessage>> {
  const filter = { campaign_id: campaignId };
  const items = await tables.test_message.find(filter, { sort: { _id: -1 }, skip: (page - 1) * limit, limit });
  return { items: items.map(testOf), total: await tables.test_message.count(filter) };
}

/** SENDING tests whose lease has ended are UNCERTAIN. */
export async function endTests(tables: Tables, now: Instant): Promise<void> {
  const { code, reason } = LEASE_EXPIRED;
  await tables.test_message.update(
    { lease_until: { $gt: 0, $lte: now } },
    { $set: { status: "UNCERTAIN", lease_until: null, code, reason } },
  );
}

/** Moves the test that a receipt is of, if it is of one. */
export async function applyTestReceipt(tables: Tables, receipt: StatusEvent): Promise<void> {
  const known = await tables.test_message.one({ _id: receipt.message_id });
  if (known !== null) await write(tables, testAfterReceipt(known, receipt));
}

/** Writes where a test stands now. The lease ends. */
async function write(tables: Tables, { _id, ...fields }: TestMessage): Promise<void> {
  await tables.test_message.update({ _id }, { $set: { ...fields, lease_until: null } });
}

function testOf({ worker, lease_until, ...shown }: TestMessageDocument): TestMessage {
  return shown;
}
