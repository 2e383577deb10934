import { expect, test } from "vitest";
import { closingOf } from "./closings.ts";

test.each([
  [515, { next: "reconnect" }],
  [408, { next: "back_off" }],
  [428, { next: "back_off" }],
  [503, { next: "back_off" }],
  [500, { next: "retry_then_pair" }],
  [440, { next: "end", state: "replaced", forgets: false }],
  [401, { next: "end", state: "logged_out", forgets: true }],
  [403, { next: "end", state: "banned", forgets: false }],
  [405, { next: "end", state: "auth_invalid", forgets: false }],
  [406, { next: "end", state: "auth_invalid", forgets: false }],
  [411, { next: "end", state: "auth_invalid", forgets: false }],
])("code %i is known, with a reason in words", (code, closing) => {
  expect(closingOf(code)).toEqual({ ...closing, reason: expect.stringMatching(/^[A-Z].{20,}\.$/) });
});

test("402 says for how long and why, where WhatsApp does", () => {
  expect(closingOf(402, { code: "104", expire: "3600" })).toEqual({
    next: "rest",
    restMs: 3_600_000,
    reason: "WhatsApp has banned the number for a time: too many people got the same message.",
  });
  expect(closingOf(402, { reason: "402" })).toEqual({
    next: "rest",
    restMs: null,
    reason: "WhatsApp has banned the number for a time.",
  });
});

test("a connection that breaks off, or closes with a code that nobody knows, comes back", () => {
  expect(closingOf(null)).toEqual({ next: "back_off", reason: "The connection to WhatsApp broke off." });
  expect(closingOf(418)).toEqual({ next: "back_off", reason: "WhatsApp has closed the connection with code 418." });
});
