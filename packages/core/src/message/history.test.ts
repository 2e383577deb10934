import { expect, test } from "vitest";
import { eventsOfRetry, historyOf, lastRetry } from "./history.ts";
import type { MessageEvent } from "./message.ts";

const nothing = { attempt: 1, code: null, reason: null, provider_id: null };
const noted = (status: MessageEvent["status"], at: number): MessageEvent => ({ ...nothing, at, status });

test("what a message tells and what was noted come in one order, also within one moment", () => {
  const message = { status: "READ", attempt: 1, created_at: 1, sending_at: 2, sent_at: 3, delivered_at: 5, read_at: 5 } as const;
  const history = historyOf({ ...message, provider_id: "p" }, [noted("FAILED", 3), noted("UNCERTAIN", 2)]);
  expect(history.map(({ at, status, provider_id }) => [at, status, provider_id])).toEqual([
    [1, "PENDING", null],
    [2, "SENDING", null],
    [2, "UNCERTAIN", null],
    [3, "SENT", "p"],
    [3, "FAILED", null],
    [5, "DELIVERED", null],
    [5, "READ", null],
  ]);
  expect(history[0]).toMatchObject({ attempt: 0 });
});

test("a retry keeps what the message tells of the try before, with why it was skipped", () => {
  const skipped = { status: "SKIPPED", attempt: 1, created_at: 1, settled_at: 2, code: "blank_variable", reason: "r" } as const;
  expect(eventsOfRetry(skipped, 9)).toEqual([
    { ...noted("SKIPPED", 2), code: "blank_variable", reason: "r" },
    noted("RETRIED", 9),
  ]);
  const failed = { status: "FAILED", attempt: 1, created_at: 1, sending_at: 2, settled_at: 3, code: "x" } as const;
  expect(eventsOfRetry(failed, 9).map(({ status }) => status)).toEqual(["SENDING", "RETRIED"]);
});

test("of the last retry it is known whether the try before it was uncertain", () => {
  expect(lastRetry([noted("FAILED", 1)])).toBeNull();
  expect(lastRetry([noted("UNCERTAIN", 1), noted("RETRIED", 2)])).toEqual({ at: 2, wasUncertain: true });
  const twice = [noted("UNCERTAIN", 1), noted("RETRIED", 2), noted("SENDING", 3), noted("FAILED", 4), noted("RETRIED", 5)];
  expect(lastRetry(twice)).toEqual({ at: 5, wasUncertain: false });
  expect(lastRetry([...twice, noted("UNCERTAIN", 6)])).toEqual({ at: 5, wasUncertain: false });
});
