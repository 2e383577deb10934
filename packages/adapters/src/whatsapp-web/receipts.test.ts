import type { BinaryNode } from "baileys";
import { expect, test } from "vitest";
import { acknowledgementOf, receiptOf } from "./receipts.ts";

const NOW = 5_000;
const receipt = (attrs: Record<string, string>, content?: BinaryNode[]): BinaryNode => ({
  tag: "receipt",
  attrs: { id: "3EB01", from: "49151@s.whatsapp.net", t: "4", ...attrs },
  ...(content === undefined ? {} : { content }),
});

test.each([
  [{}, "DELIVERED"],
  [{ type: "inactive" }, "DELIVERED"],
  [{ type: "read" }, "READ"],
  [{ type: "played" }, "READ"],
])("a receipt with %o is %s", (attrs, status) => {
  expect(receiptOf(receipt(attrs), NOW)).toEqual({ providerIds: ["3EB01"], status, at: 4_000 });
});

test.each([
  { type: "retry" },
  { type: "sender" },
  { type: "read-self" },
  { type: "server-error" },
  { recipient: "49151@s.whatsapp.net" },
])("a receipt with %o says nothing of how far a message came", (attrs) => {
  expect(receiptOf(receipt(attrs), NOW)).toBeNull();
});

test("one receipt may be of many messages", () => {
  const item = (id: string): BinaryNode => ({ tag: "item", attrs: { id } });
  const list: BinaryNode = { tag: "list", attrs: {}, content: [item("3EB02"), item("3EB03")] };
  expect(receiptOf(receipt({ type: "read" }, [list]), NOW)?.providerIds).toEqual(["3EB01", "3EB02", "3EB03"]);
});

test("an acknowledgement says which message, and what was wrong", () => {
  const ack = (attrs: Record<string, string>): BinaryNode => ({ tag: "ack", attrs });
  expect(acknowledgementOf(ack({ id: "3EB01", class: "message", t: "4" }), NOW)).toEqual({
    providerId: "3EB01",
    error: null,
    at: 4_000,
  });
  expect(acknowledgementOf(ack({ id: "3EB01", error: "479" }), NOW)).toEqual({ providerId: "3EB01", error: "479", at: NOW });
  expect(acknowledgementOf(ack({ class: "message" }), NOW)).toBeNull();
});
