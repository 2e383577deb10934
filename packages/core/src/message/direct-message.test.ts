import { expect, test } from "vitest";
import type { StatusEvent } from "../event/topics.ts";
import { plainText } from "./content.ts";
import { type DirectMessage, directAfterOutcome, directAfterReceipt, heedsOptOut, optedOutDirect } from "./direct-message.ts";

const SENDING: DirectMessage = {
  _id: "t".repeat(24),
  campaign_id: "c".repeat(24),
  channel_id: "default",
  lead_id: "a".repeat(24),
  phone: "+4930901820",
  variant: "A",
  content: plainText("Hi"),
  status: "SENDING",
  code: null,
  reason: null,
  provider_id: null,
  created_at: 1,
  sending_at: 2,
  sent_at: null,
  delivered_at: null,
  read_at: null,
};
const receipt = (status: StatusEvent["status"], at: number): StatusEvent => {
  const told = status === "FAILED" ? { code: "131026", reason: "Not on WhatsApp" } : { code: null, reason: null };
  return { version: 1, message_id: SENDING._id, source: "receipt", status, at, ...told };
};
const sent = { stillTheWorkers: false, outcome: { kind: "sent", providerId: "p" }, now: 5 } as const;

test("that it was sent is a fact, and takes back nothing that a receipt has said", () => {
  expect(directAfterOutcome(SENDING, sent)).toEqual({ ...SENDING, status: "SENT", provider_id: "p", sent_at: 5 });
  const failed = directAfterReceipt(SENDING, receipt("FAILED", 4));
  expect(failed).toMatchObject({ status: "FAILED", code: "131026", reason: "Not on WhatsApp" });
  expect(directAfterOutcome(failed, sent)).toMatchObject({ status: "FAILED", code: "131026", sent_at: 5 });
});

test("what was given back can be sent again, and any other word of a worker that lost it counts for nothing", () => {
  const released = { stillTheWorkers: true, outcome: { kind: "released" }, now: 5 } as const;
  expect(directAfterOutcome(SENDING, released)).toEqual({ ...SENDING, status: "PENDING", sending_at: null });
  expect(directAfterOutcome(SENDING, { ...released, stillTheWorkers: false })).toBeNull();
});

test("receipts move it forward only, and the first time of each stays", () => {
  const read = directAfterReceipt(SENDING, receipt("READ", 6));
  expect(read).toEqual({ ...SENDING, status: "READ", delivered_at: 6, read_at: 6 });
  expect(directAfterReceipt(read, receipt("DELIVERED", 7))).toEqual(read);
  expect(directAfterReceipt(read, receipt("FAILED", 8))).toEqual(read);
  expect(directAfterReceipt(SENDING, receipt("UNCERTAIN", 9))).toEqual(SENDING);
});

test("a test is not sent to somebody who has opted out, and a reply is", () => {
  expect(heedsOptOut(SENDING)).toBe(true);
  expect(heedsOptOut({ ...SENDING, campaign_id: null })).toBe(false);
  expect(optedOutDirect(SENDING)).toMatchObject({ status: "SKIPPED", code: "opted_out" });
});
