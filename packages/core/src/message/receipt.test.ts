import { expect, test } from "vitest";
import type { ReceiptStatus } from "./message.ts";
import { isOvertaken, type Receipt, receiptFields } from "./receipt.ts";

function receipt(status: ReceiptStatus, at = 10): Receipt {
  return { version: 1, message_id: "m", source: "receipt", status, at, code: "131026", reason: "Not on WhatsApp" };
}

test("a receipt fills in the times that are not known, and leaves those that are", () => {
  expect(receiptFields({ status: "SENT", sent_at: 5 }, receipt("READ"))).toMatchObject({ delivered_at: 10, read_at: 10 });
  expect(receiptFields({ status: "SENT", delivered_at: 7 }, receipt("READ"))).toMatchObject({ delivered_at: 7, read_at: 10 });
});

test("only a receipt that moves the message says why, or that there is no reason any more", () => {
  expect(receiptFields({ status: "SENT" }, receipt("FAILED"))).toEqual({
    status: "FAILED",
    due_at: null,
    settled_at: 10,
    code: "131026",
    reason: "Not on WhatsApp",
  });
  expect(receiptFields({ status: "FAILED" }, receipt("FAILED"))).toEqual({ status: "FAILED", due_at: null });
  expect(receiptFields({ status: "FAILED" }, receipt("DELIVERED"))).toMatchObject({ code: null, settled_at: null });
});

test("of a try that a person has replaced only what is news still counts", () => {
  const retried = { at: 20, wasUncertain: false };
  expect(isOvertaken(receipt("FAILED"), retried)).toBe(true);
  expect(isOvertaken(receipt("SENT"), retried)).toBe(true);
  expect(isOvertaken(receipt("SENT"), { ...retried, wasUncertain: true })).toBe(false);
  expect(isOvertaken(receipt("DELIVERED"), retried)).toBe(false);
  expect(isOvertaken(receipt("FAILED", 20), retried)).toBe(false);
  expect(isOvertaken(receipt("FAILED"), null)).toBe(false);
});
