import { describe, expect, test } from "vitest";
import { noMessages } from "./campaign.ts";
import { alarmOf, canaryLookAt, canaryRoom, canarySize } from "./canary.ts";

const CANARY = { percent: 5, wait_minutes: 30, max_failed_percent: 10, max_opted_out_percent: 2 };
const watched = (counts: object, fields: object = {}) => ({
  counts: { ...noMessages(), ...counts },
  expected: 200,
  last_sent_at: 1_000_000,
  expanded: true,
  ...fields,
});

test("so many go first, and always somebody", () => {
  expect(canarySize({ expected: 200 }, CANARY)).toBe(10);
  expect(canarySize({ expected: 201 }, CANARY)).toBe(11);
  expect(canarySize({ expected: 1 }, CANARY)).toBe(1);
});

test("whoever is being sent to takes a place, and whoever was skipped takes none", () => {
  expect(canaryRoom(watched({ PENDING: 190, SENT: 3, FAILED: 1, CLAIMED: 2 }), CANARY)).toBe(4);
  expect(canaryRoom(watched({ PENDING: 190, SKIPPED: 10 }), CANARY)).toBe(10);
});

describe("those who went first are looked at", () => {
  test("when the wait after the last of them is over", () => {
    expect(canaryLookAt(watched({ DELIVERED: 10, PENDING: 190 }), CANARY)).toBe(1_000_000 + 30 * 60_000);
  });
  test("not while one of them is on the wire, or still to go", () => {
    expect(canaryLookAt(watched({ DELIVERED: 9, SENDING: 1, PENDING: 190 }), CANARY)).toBeNull();
    expect(canaryLookAt(watched({ DELIVERED: 9, PENDING: 191 }), CANARY)).toBeNull();
  });
  test("also where everybody else was skipped", () => {
    expect(canaryLookAt(watched({ DELIVERED: 2, SKIPPED: 198 }), CANARY)).not.toBeNull();
    expect(canaryLookAt(watched({ DELIVERED: 2, SKIPPED: 100 }, { expanded: false }), CANARY)).toBeNull();
  });
});

describe("it alarms", () => {
  const counts = (fields: object) => ({ ...noMessages(), ...fields });
  test("above a limit and not at it", () => {
    expect(alarmOf(counts({ DELIVERED: 9, FAILED: 1 }), 0, null, CANARY)).toBeNull();
    expect(alarmOf(counts({ DELIVERED: 8, FAILED: 1, UNCERTAIN: 1 }), 0, null, CANARY)).toEqual({
      code: "too_many_failed",
      reason: "2 of 10 messages (20 %) failed, more than 10 %",
    });
    expect(alarmOf(counts({ READ: 100 }), 2, null, CANARY)).toBeNull();
    expect(alarmOf(counts({ READ: 100 }), 3, null, CANARY)).toEqual({
      code: "too_many_opted_out",
      reason: "3 of 100 messages (3 %) answered with a stop, more than 2 %",
    });
  });
  test("at the first failure where none is allowed, and never where nothing happened", () => {
    const strict = { ...CANARY, max_failed_percent: 0, max_opted_out_percent: 0 };
    expect(alarmOf(counts({ SENT: 1_000 }), 0, null, strict)).toBeNull();
    expect(alarmOf(counts({ SENT: 999, FAILED: 1 }), 0, null, strict)).toMatchObject({ code: "too_many_failed" });
    expect(alarmOf(counts({}), 0, null, strict)).toBeNull();
  });
  test("when the account is warned, whatever the figures", () => {
    expect(alarmOf(counts({}), 0, "quality rating is low", CANARY)).toEqual({
      code: "account_warning",
      reason: "WhatsApp warns this account: quality rating is low",
    });
  });
});
