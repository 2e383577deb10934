import { expect, test } from "vitest";
import { MESSAGE_STATUSES } from "./message.ts";
import { afterOutcome, eventOfOutcome, type SendOutcome, sentFields, unsentFields } from "./outcome.ts";

const SENT: SendOutcome = { kind: "sent", providerId: "p" };
const FAILED = { kind: "failed", code: "131026", reason: "Not on WhatsApp" } as const satisfies SendOutcome;
const RETRY = { kind: "retry", code: "131000", reason: "Later", dueAt: 1 } as const satisfies SendOutcome;
const RELEASED = { kind: "released" } as const satisfies SendOutcome;
const UNCERTAIN = { kind: "uncertain", code: "no_answer", reason: "Nobody knows" } as const satisfies SendOutcome;
const SKIPPED = { kind: "skipped", reason: "opted_out", detail: "Does not want messages" } as const satisfies SendOutcome;

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

test("a try that did not count is taken back, and what waits takes its campaign's end", () => {
  const message = { attempt: 3, sending_at: 5 };
  expect(unsentFields(message, "PENDING", RELEASED, null, 9)).toMatchObject({ status: "PENDING", attempt: 2, sending_at: null });
  expect(unsentFields(message, "PENDING", RETRY, null, 9)).toMatchObject({
    attempt: 3,
    due_at: 1,
    retryable: true,
    settled_at: null,
  });
  expect(unsentFields(message, "FAILED", FAILED, null, 9)).toMatchObject({ sending_at: 5, settled_at: 9, retryable: false });
  const ended = unsentFields(message, "PENDING", RETRY, { status: "CANCELLED" }, 9);
  expect(ended).toMatchObject({ status: "CANCELLED", code: null, due_at: null, settled_at: 9 });
  expect(unsentFields(message, "FAILED", FAILED, { status: "CANCELLED" }, 9)).toMatchObject({ status: "FAILED" });
});

test("what was sent keeps the first time that is known of it, and what a receipt has said", () => {
  expect(sentFields({ sent_at: 4 }, "DELIVERED", "p", 9)).toMatchObject({ status: "DELIVERED", sent_at: 4, code: null });
  expect(sentFields({}, "FAILED", "p", 9)).toEqual({ status: "FAILED", provider_id: "p", sent_at: 9, due_at: null });
});

test("refusals and lost answers are noted, and nothing else", () => {
  const noted = [FAILED, RETRY, UNCERTAIN, RELEASED, SKIPPED].map((outcome) => eventOfOutcome(outcome, 2, 9)?.status ?? null);
  expect(noted).toEqual(["FAILED", "PENDING", "UNCERTAIN", null, null]);
});
