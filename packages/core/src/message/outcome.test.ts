import { expect, test } from "vitest";
import { MESSAGE_STATUSES } from "./message.ts";
import { afterOutcome, type SendOutcome } from "./outcome.ts";

const SENT: SendOutcome = { kind: "sent", providerId: "p" };
const FAILED: SendOutcome = { kind: "failed", code: "131026", reason: "Not on WhatsApp" };
const RETRY: SendOutcome = { kind: "retry", code: "131000", reason: "Later", dueAt: 1 };
const RELEASED: SendOutcome = { kind: "released" };
const UNCERTAIN: SendOutcome = { kind: "uncertain", code: "no_answer", reason: "Nobody knows" };
const SKIPPED: SendOutcome = { kind: "skipped", reason: "opted_out", detail: "Does not want messages" };

const held = { status: "SENDING", stillTheWorkers: true } as const;
const lost = { status: "SENDING", stillTheWorkers: false } as const;

test("the outcome of a held message is its new status", () => {
  expect(afterOutcome(held, SENT)).toBe("SENT");
  expect(afterOutcome(held, FAILED)).toBe("FAILED");
  expect(afterOutcome(held, RETRY)).toBe("PENDING");
  expect(afterOutcome(held, RELEASED)).toBe("PENDING");
  expect(afterOutcome(held, UNCERTAIN)).toBe("UNCERTAIN");
  expect(afterOutcome({ status: "CLAIMED", stillTheWorkers: true }, SKIPPED)).toBe("SKIPPED");
});

test("that it was sent counts whoever tells it; nothing else does from a worker that lost it", () => {
  expect(afterOutcome(lost, SENT)).toBe("SENT");
  for (const outcome of [FAILED, RETRY, RELEASED, UNCERTAIN, SKIPPED]) expect(afterOutcome(lost, outcome)).toBeNull();
});

test("an uncertain message is freed only by the worker that knows it did not go out", () => {
  expect(afterOutcome({ status: "UNCERTAIN", stillTheWorkers: true }, RELEASED)).toBe("PENDING");
  expect(afterOutcome({ status: "UNCERTAIN", stillTheWorkers: true }, UNCERTAIN)).toBeNull();
  expect(afterOutcome({ status: "UNCERTAIN", stillTheWorkers: false }, RELEASED)).toBeNull();
});

test("no outcome takes back what a receipt has said", () => {
  for (const status of MESSAGE_STATUSES.filter((name) => name === "DELIVERED" || name === "READ")) {
    for (const outcome of [SENT, FAILED, RETRY, RELEASED, UNCERTAIN, SKIPPED]) {
      expect([null, status]).toContain(afterOutcome({ status, stillTheWorkers: true }, outcome));
    }
  }
});
