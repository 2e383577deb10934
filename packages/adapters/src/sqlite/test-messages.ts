/** Owns test messages on SQLite: written down, claimed, recorded, and what receipts say of them. */
import type { Input, Stepped } from "@mini-crm/core/event/raised";
import type { StatusEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { LEASE_EXPIRED } from "@mini-crm/core/message/outcome";
import { optedOutTest, type TestMessage, testAfterOutcome, testAfterReceipt } from "@mini-crm/core/message/test-message";
import type { StepResult } from "@mini-crm/core/ports/steps";
import type { Page, PageRequest, TestClaim, TestMessageStore } from "@mini-crm/core/ports/store";
import { type Connection, number, numberOrNull, type Row, text, textOrNull } from "./connection.ts";
import { countSends, rateUse } from "./rate.ts";

type ClaimRequest = Parameters<TestMessageStore["claim"]>[0];
type RecordRequest = Parameters<TestMessageStore["record"]>[0];

/** The step `test`. */
export function test(connection: Connection, { tests }: Input<"test">): Stepped<StepResult<"test">> {
  for (const { _id, campaign_id, channel_id, lead_id, phone, variant, text: words, status, created_at } of tests) {
    connection.run(
      `INSERT INTO test_message (_id, campaign_id, channel_id, lead_id, phone, variant, text, status, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[_id, campaign_id, channel_id, lead_id, phone, variant, words, status, created_at],
    );
  }
  const raised = tests.map(({ _id, channel_id }) => {
    return { topic: "campaign.tests", key: channel_id, value: { version: 1, test_id: _id, channel_id } } as const;
  });
  return { result: { queued: tests.length }, raised };
}

export function testMessageVerbs(connection: Connection) {
  return {
    /** Durable: what goes out must still be marked after a power cut. */
    claimTest: (request: ClaimRequest): TestClaim => connection.transaction(() => claim(connection, request)),
    recordTest: (request: RecordRequest): void => connection.transaction(() => record(connection, request), "soon"),

    testsOfCampaign: (campaignId: string, { page, limit }: PageRequest): Page<TestMessage> => ({
      items: connection
        .all(
          "SELECT * FROM test_message WHERE campaign_id = ? ORDER BY _id DESC LIMIT ? OFFSET ?",
          campaignId,
          limit,
          (page - 1) * limit,
        )
        .map(testOf),
      total: Number(connection.get("SELECT count(*) AS total FROM test_message WHERE campaign_id = ?", campaignId)?.["total"]),
    }),
  };
}

function readTest(connection: Connection, id: string): { test: TestMessage; worker: string | null } | null {
  const row = connection.get("SELECT * FROM test_message WHERE _id = ?", id);
  return row === undefined ? null : { test: testOf(row), worker: textOrNull(row, "worker") };
}

function claim(connection: Connection, { _id, worker, rate, leaseMs, now }: ClaimRequest): TestClaim {
  const known = readTest(connection, _id);
  if (known === null || known.test.status !== "PENDING") return { kind: "nothing" };
  const { phone, channel_id } = known.test;
  if (hasOptedOut(connection, phone)) {
    write(connection, optedOutTest(known.test));
    return { kind: "nothing" };
  }
  const use = rate === null ? null : rateUse(connection, channel_id, rate, now);
  if (rate !== null && use !== null && use.used >= rate.messages) return { kind: "limited", until: use.resetAt };
  connection.run(
    "UPDATE test_message SET status = 'SENDING', sending_at = ?, worker = ?, lease_until = ? WHERE _id = ?",
    now,
    worker,
    now + leaseMs,
    _id,
  );
  // In no campaign's name: it takes of the channel's rate, and is no part of how fast the campaign goes.
  countSends(connection, { channelId: channel_id, campaignId: "", messages: 1 }, now);
  return { kind: "claimed", test: { ...known.test, status: "SENDING", sending_at: now } };
}

function hasOptedOut(connection: Connection, phone: string): boolean {
  const row = connection.get(
    `SELECT 1 FROM lead_contact AS c CROSS JOIN lead ON lead._id = c.lead_id
     WHERE c.kind = 'phone' AND c.value = ? AND lead.consent = 'opted_out' LIMIT 1`,
    phone,
  );
  return row !== undefined;
}

function record(connection: Connection, { _id, worker, outcome, now }: RecordRequest): void {
  const known = readTest(connection, _id);
  if (known === null) return;
  const next = testAfterOutcome(known.test, { stillTheWorkers: known.worker === worker, outcome, now });
  if (next !== null) write(connection, next);
}

/** SENDING tests whose lease has ended are UNCERTAIN. */
export function endTests(connection: Connection, now: Instant): void {
  connection.run(
    "UPDATE test_message SET status = 'UNCERTAIN', lease_until = NULL, code = ?, reason = ? WHERE lease_until <= ?",
    LEASE_EXPIRED.code,
    LEASE_EXPIRED.reason,
    now,
  );
}

/** Moves the test that a receipt is of, if it is of one. */
export function applyTestReceipt(connection: Connection, receipt: StatusEvent): void {
  const known = readTest(connection, receipt.message_id);
  if (known !== null) write(connection, testAfterReceipt(known.test, receipt));
}

/** Writes where a test stands now. The lease ends. */
function write(
  connection: Connection,
  { _id, status, code, reason, provider_id, sending_at, sent_at, delivered_at, read_at }: TestMessage,
): void {
  connection.run(
    `UPDATE test_message SET lease_until = NULL, status = ?, code = ?, reason = ?, provider_id = ?, sending_at = ?, sent_at = ?,
       delivered_at = ?, read_at = ? WHERE _id = ?`,
    ...[status, code, reason, provider_id, sending_at, sent_at, delivered_at, read_at, _id],
  );
}

export function testOf(row: Row): TestMessage {
  return {
    _id: text(row, "_id"),
    campaign_id: text(row, "campaign_id"),
    channel_id: text(row, "channel_id"),
    lead_id: text(row, "lead_id"),
    phone: text(row, "phone"),
    variant: text(row, "variant"),
    text: text(row, "text"),
    status: text(row, "status") as TestMessage["status"],
    code: textOrNull(row, "code"),
    reason: textOrNull(row, "reason"),
    provider_id: textOrNull(row, "provider_id"),
    created_at: number(row, "created_at"),
    sending_at: numberOrNull(row, "sending_at"),
    sent_at: numberOrNull(row, "sent_at"),
    delivered_at: numberOrNull(row, "delivered_at"),
    read_at: numberOrNull(row, "read_at"),
  };
}
