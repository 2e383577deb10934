import { expect, test } from "vitest";
import { refusalOf } from "./refusals.ts";

test("463 waits with the whole account while it may begin no new chats, else with this recipient alone", () => {
  expect(refusalOf("463", 90_000)).toMatchObject({
    kind: "retryable",
    scope: "account",
    code: "whatsapp_463",
    retryAfterMs: 90_000,
  });
  expect(refusalOf("463", null)).toMatchObject({ kind: "retryable", scope: "recipient", code: "whatsapp_463" });
});

test.each([
  ["404", { kind: "permanent", scope: "recipient" }],
  ["429", { kind: "retryable", scope: "account" }],
  ["479", { kind: "retryable", scope: "recipient" }],
  ["503", { kind: "retryable", scope: "account" }],
  ["406", { kind: "retryable", scope: "recipient" }],
])("%s is known, with a reason in words", (error, answer) => {
  expect(refusalOf(error, null)).toMatchObject({
    ...answer,
    code: `whatsapp_${error}`,
    reason: expect.stringMatching(/^WhatsApp .+\.$/),
  });
});
