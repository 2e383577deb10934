import { expect, test } from "vitest";
import { differencesOf, ledgerCloses, type WindowCount } from "./audit.ts";
import { noMessages } from "./campaign.ts";

const count = (fields: Partial<WindowCount>): WindowCount => {
  return { window: "", status: "SENT", code: null, variant: 0, messages: 1, ...fields };
};

test("counters that equal the rows differ nowhere, in whatever order and however often a place is named", () => {
  const failed = count({ status: "FAILED", code: "131026", messages: 3 });
  expect(
    differencesOf({ counters: [count({ messages: 2 }), failed], rows: [failed, count({ messages: 1 }), count({ messages: 1 })] }),
  ).toEqual([]);
  expect(differencesOf({ counters: [], rows: [] })).toEqual([]);
});

test("a counter that is wrong, missing or left over is told with both figures", () => {
  const differences = differencesOf({
    counters: [count({ messages: 5 }), count({ status: "READ", messages: 2 })],
    rows: [count({ messages: 4 }), count({ status: "SKIPPED", code: "opted_out" })],
  });
  expect(differences.map(({ status, code, counter, rows }) => [status, code, counter, rows])).toEqual([
    ["SENT", null, 5, 4],
    ["READ", null, 2, 0],
    ["SKIPPED", "opted_out", 0, 1],
  ]);
});

test("parts, reasons and texts are held against each other one by one, so that errors do not make up for each other", () => {
  const moved = (fields: Partial<WindowCount>) =>
    differencesOf({ counters: [count({})], rows: [count(fields)] }).map(({ counter, rows }) => counter - rows);
  expect(moved({ window: "a" })).toEqual([1, -1]);
  expect(moved({ variant: 1 })).toEqual([1, -1]);
  expect(moved({ code: "131026" })).toEqual([1, -1]);
});

test("the ledger closes while the audience is being written down, and not with a figure below 0", () => {
  const counts = { ...noMessages(), PENDING: 4, SENT: 2, SKIPPED: 1 };
  expect(ledgerCloses({ counts, expected: 20, expanded: false })).toBe(true);
  expect(ledgerCloses({ counts, expected: 0, expanded: true })).toBe(true);
  expect(ledgerCloses({ counts: { ...counts, FAILED: -1 }, expected: 20, expanded: true })).toBe(false);
  expect(ledgerCloses({ counts: { ...counts, READ: -1, SENT: 3 }, expected: 20, expanded: true })).toBe(false);
});
