import fc from "fast-check";
import { expect, test } from "vitest";
import { afterReceipt, MESSAGE_STATUSES, messageId, parseMessageId, type ReceiptStatus } from "./message.ts";

const RECEIPTS: ReceiptStatus[] = ["SENT", "FAILED", "DELIVERED", "READ"];

test("receipts move a message forward along its way", () => {
  expect(afterReceipt("SENDING", "SENT")).toBe("SENT");
  expect(afterReceipt("SENT", "DELIVERED")).toBe("DELIVERED");
  expect(afterReceipt("SENT", "READ")).toBe("READ");
  expect(afterReceipt("UNCERTAIN", "DELIVERED")).toBe("DELIVERED");
});

test("receipts never move a message back", () => {
  expect(afterReceipt("READ", "DELIVERED")).toBe("READ");
  expect(afterReceipt("DELIVERED", "SENT")).toBe("DELIVERED");
  expect(afterReceipt("FAILED", "SENT")).toBe("FAILED");
});

test("a late delivery beats a failure, and not the other way round", () => {
  expect(afterReceipt("FAILED", "DELIVERED")).toBe("DELIVERED");
  expect(afterReceipt("DELIVERED", "FAILED")).toBe("DELIVERED");
});

test("in whatever order and however often receipts come, the end is the same", () => {
  const receipts = fc.array(fc.constantFrom(...RECEIPTS), { minLength: 1, maxLength: 8 });
  const end = (from: (typeof MESSAGE_STATUSES)[number], order: readonly ReceiptStatus[]) => order.reduce(afterReceipt, from);
  fc.assert(
    fc.property(fc.constantFrom(...MESSAGE_STATUSES), receipts, fc.infiniteStream(fc.nat()), (from, order, keys) => {
      const shuffled = order
        .map((receipt) => ({ receipt, key: keys.next().value ?? 0 }))
        .sort((a, b) => a.key - b.key)
        .map(({ receipt }) => receipt);
      expect(end(from, shuffled)).toBe(end(from, order));
      expect(end(from, [...order, ...order])).toBe(end(from, order));
    }),
  );
});

test("a message's identifier is its campaign's and its lead's, and comes apart again", () => {
  const [campaignId, leadId] = ["0123456789abcdef01234567", "89abcdef0123456789abcdef"];
  expect(parseMessageId(messageId(campaignId, leadId))).toEqual({ campaignId, leadId });
  for (const wrong of ["", "uuid-1234", campaignId, `${campaignId}${leadId}0`, `${campaignId}${leadId}`.toUpperCase()]) {
    expect(parseMessageId(wrong)).toBeNull();
  }
});
