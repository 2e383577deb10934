import { describe, expect, test } from "vitest";
import type { SendAnswer } from "../ports/whatsapp-provider.ts";
import { judge, MAX_ATTEMPTS } from "./answer.ts";

const NOW = 1_000_000;
const BUSY: SendAnswer = { kind: "retryable", scope: "recipient", code: "131056", reason: "Too fast", retryAfterMs: null };

test("an accepted message is sent, and the provider works", () => {
  expect(judge({ kind: "accepted", providerId: "p" }, 1, NOW, 0)).toEqual({
    outcome: { kind: "sent", providerId: "p" },
    providerWorks: true,
    restMs: null,
    campaignProblem: null,
  });
});

test("what is refused for good fails, and the provider works", () => {
  const answer: SendAnswer = { kind: "permanent", scope: "recipient", code: "131026", reason: "Not on WhatsApp", wish: null };
  expect(judge(answer, 1, NOW, 0)).toMatchObject({
    outcome: { kind: "failed", code: "131026" },
    providerWorks: true,
    campaignProblem: null,
  });
});

test("what would be refused for everybody of the campaign says so", () => {
  const answer: SendAnswer = { kind: "permanent", scope: "campaign", code: "132001", reason: "No such template", wish: null };
  expect(judge(answer, 1, NOW, 0)).toMatchObject({
    outcome: { kind: "failed", code: "132001" },
    providerWorks: true,
    campaignProblem: { code: "132001", reason: "No such template" },
  });
});

test("what is held back for a day is tried again after it, and not for ever", () => {
  const DAY_MS = 86_400_000;
  const answer: SendAnswer = { kind: "deferred", code: "131049", reason: "Enough for now", afterMs: DAY_MS };
  const { outcome, providerWorks } = judge(answer, 1, NOW, 0.5);
  expect(outcome).toEqual({ kind: "retry", code: "131049", reason: "Enough for now", dueAt: NOW + DAY_MS * 1.05 });
  expect(providerWorks).toBe(true);
  expect(judge(answer, MAX_ATTEMPTS, NOW, 0).outcome).toMatchObject({ kind: "failed", code: "131049" });
});

describe("what is refused for now", () => {
  test("is tried again later and later, in whole milliseconds, never before it was asked to", () => {
    const dueAfter = (attempt: number, chance: number, retryAfterMs: number | null = null) => {
      const { outcome } = judge({ ...BUSY, retryAfterMs }, attempt, NOW, chance);
      return outcome.kind === "retry" ? outcome.dueAt - NOW : Number.NaN;
    };
    expect([1, 2, 3, 4].map((attempt) => dueAfter(attempt, 0.5))).toEqual([10_000, 20_000, 40_000, 80_000]);
    expect(dueAfter(1, 0)).toBe(5_000);
    expect(dueAfter(1, 0, 60_000)).toBe(60_000);
    expect(Number.isInteger(dueAfter(1, 0.123456789))).toBe(true);
  });

  test("fails after the last attempt, and says how often it was tried", () => {
    expect(judge(BUSY, MAX_ATTEMPTS, NOW, 0)).toMatchObject({
      outcome: { kind: "failed", code: "131056", reason: `Too fast (tried ${MAX_ATTEMPTS} times)` },
      providerWorks: true,
    });
  });

  test("for the whole account waits without counting as an attempt, as long as was asked", () => {
    const answer: SendAnswer = { ...BUSY, scope: "account", retryAfterMs: 7_000 };
    expect(judge(answer, MAX_ATTEMPTS, NOW, 0)).toEqual({
      outcome: { kind: "released" },
      providerWorks: false,
      restMs: 7_000,
      campaignProblem: null,
    });
  });
});

test("a session that must be mended holds the message back", () => {
  expect(judge({ kind: "session", state: "logged_out", reason: "Pair again" }, 1, NOW, 0)).toMatchObject({
    outcome: { kind: "released" },
    providerWorks: false,
  });
});

test("no answer is never taken for a refusal", () => {
  expect(judge({ kind: "unknown", reason: "cut" }, 1, NOW, 0)).toMatchObject({
    outcome: { kind: "uncertain", code: "no_answer", reason: "cut" },
    providerWorks: false,
  });
});
