import { describe, expect, test } from "vitest";
import { isComplete, isFinished, ledgerOf, noMessages } from "./campaign.ts";

describe("the ledger", () => {
  test("closes, with delivered and read as parts of sent", () => {
    const counts = {
      ...noMessages(),
      PENDING: 1,
      CLAIMED: 2,
      SENDING: 3,
      SKIPPED: 4,
      UNCERTAIN: 5,
      SENT: 6,
      FAILED: 7,
      DELIVERED: 8,
      READ: 9,
    };
    expect(ledgerOf({ counts, expected: 45, expanded: true })).toEqual({
      audience: 45,
      sent: 23,
      delivered: 17,
      read: 9,
      failed: 7,
      skipped: 4,
      uncertain: 5,
      cancelled: 0,
      pending: 6,
    });
  });

  test("counts as pending who has no row yet, until the audience is written down", () => {
    const counts = { ...noMessages(), SENT: 2, PENDING: 1 };
    expect(ledgerOf({ counts, expected: 10, expanded: false })).toMatchObject({ audience: 10, sent: 2, pending: 8 });
    expect(ledgerOf({ counts, expected: 10, expanded: true })).toMatchObject({ audience: 3, sent: 2, pending: 1 });
  });
});

describe("a campaign is complete", () => {
  const campaign = { status: "RUNNING" as const, expanded: true, counts: noMessages(), last_sent_at: 1_000 };
  const complete = (fields: object, now = 1_000) => isComplete({ ...campaign, ...fields }, now, 500);

  test("when nothing is pending and every sent message has its receipt", () => {
    expect(complete({ counts: { ...noMessages(), DELIVERED: 3, FAILED: 1, UNCERTAIN: 1, SKIPPED: 1 } })).toBe(true);
  });

  test.each(["PENDING", "CLAIMED", "SENDING"] as const)("not while a message is %s", (status) => {
    expect(complete({ counts: { ...noMessages(), [status]: 1 } }, 1e12)).toBe(false);
  });

  test("not before its whole audience is written down, and only while it runs", () => {
    expect(complete({ expanded: false })).toBe(false);
    expect(complete({ status: "PAUSED" })).toBe(false);
    expect(complete({})).toBe(true);
  });

  test("without receipts only after the time to wait for them", () => {
    const counts = { ...noMessages(), SENT: 1 };
    expect(complete({ counts }, 1_500)).toBe(false);
    expect(complete({ counts }, 1_501)).toBe(true);
  });
});

test("a finished campaign is one that changes no more by itself", () => {
  const statuses = ["DRAFT", "SCHEDULED", "RUNNING", "PAUSED", "COMPLETED", "CANCELLED", "FAILED"] as const;
  expect(statuses.filter(isFinished)).toEqual(["COMPLETED", "CANCELLED", "FAILED"]);
});
