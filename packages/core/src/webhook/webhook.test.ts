import { describe, expect, test } from "vitest";
import type { TransportAnswer } from "../ports/webhook-transport.ts";
import { afterAttempt, bodyOf, judgeAttempt, KEPT_ATTEMPTS } from "./webhook.ts";

const HOUR_MS = 3_600_000;
const answered = (status: number): TransportAnswer => ({ kind: "answered", status, excerpt: "" });
const silent: TransportAnswer = { kind: "failed", reason: "No answer came." };

test("the waits between tries grow from seconds to hours, and after the eighth try there is none", () => {
  const waits = Array.from({ length: 9 }, (_, index) => {
    const { status, due_at } = judgeAttempt(silent, { attempt: index + 1, failingSince: null, now: 0 });
    return status === "PENDING" ? (due_at ?? 0) / 1000 : status;
  });
  expect(waits).toEqual([5, 30, 120, 600, 3_600, 10_800, 28_800, "FAILED", "FAILED"]);
});

test.each([
  [answered(200), null],
  [answered(299), null],
  [answered(199), "It answered 199."],
  [answered(302), "It answered 302."],
  [answered(500), "It answered 500."],
  [silent, "No answer came."],
  [{ kind: "refused", reason: "10.0.0.1 is no public address." } as const, "10.0.0.1 is no public address."],
])("only 2xx is success: %j", (answer, reason) => {
  const verdict = judgeAttempt(answer, { attempt: 1, failingSince: 5, now: 10 });
  expect(verdict).toEqual({
    status: reason === null ? "DELIVERED" : "PENDING",
    due_at: reason === null ? null : 5_010,
    reason,
    failing_since: reason === null ? null : 5,
    turnOff: null,
  });
});

describe("a webhook is turned off", () => {
  test("at once by 410", () => {
    const verdict = judgeAttempt(answered(410), { attempt: 1, failingSince: null, now: 10 });
    expect(verdict).toMatchObject({ status: "FAILED", due_at: null, turnOff: expect.stringContaining("410") });
  });

  test("after a day without success, not before, and by no success", () => {
    const judged = (answer: TransportAnswer, now: number) => judgeAttempt(answer, { attempt: 1, failingSince: 0, now }).turnOff;
    expect(judged(silent, 24 * HOUR_MS - 1)).toBeNull();
    expect(judged(silent, 24 * HOUR_MS)).toBe("No delivery has succeeded for a day. The last time: No answer came.");
    expect(judged(answered(200), 24 * HOUR_MS)).toBeNull();
  });
});

test("the body says what, when and of whom", () => {
  const body = bodyOf({ kind: "lead.opted_out", at: 0, subject: "a", data: { source: null } });
  expect(JSON.parse(body)).toEqual({
    type: "lead.opted_out",
    timestamp: "1970-01-01T00:00:00.000Z",
    data: { subject: "a", source: null },
  });
});

describe("what is written down of a try", () => {
  const tried = { attempt: 1, answer: answered(500), durationMs: 3, now: 10 };

  test("is its entry in the log, of which only the last are kept, and the time of the next", () => {
    const old = { at: 1, duration_ms: 1, status: null, reason: "r", answer: null };
    const known = { attempts: Array.from({ length: KEPT_ATTEMPTS }, () => ({ ...old })) };
    const { delivery, failing_since } = afterAttempt(known, { enabled: true, failing_since: null }, tried);
    expect(delivery).toMatchObject({ status: "PENDING", due_at: 5_010 });
    expect(delivery.attempts).toHaveLength(KEPT_ATTEMPTS);
    expect(delivery.attempts.at(-1)).toMatchObject({ at: 7, duration_ms: 3, status: 500, reason: "It answered 500." });
    expect(failing_since).toBe(10);
  });

  test("has no next time where the webhook has been turned off meanwhile, and does not turn it off again", () => {
    const off = { enabled: false, failing_since: null };
    expect(afterAttempt({ attempts: [] }, off, tried).delivery).toMatchObject({ status: "PENDING", due_at: null });
    expect(afterAttempt({ attempts: [] }, off, { ...tried, answer: answered(410) }).turnOff).toBeNull();
  });
});
