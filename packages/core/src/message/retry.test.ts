import { expect, test } from "vitest";
import { countChosen, isChosen, reasonCounts } from "./retry.ts";

const skipped = { status: "SKIPPED", code: null, lead_ids: null } as const;
const failed = { status: "FAILED", code: null, lead_ids: null } as const;

test("a choice takes its status, its reason if it names one, and only what may be tried again", () => {
  expect(isChosen(failed, { status: "FAILED", code: "131026" })).toBe(true);
  expect(isChosen({ ...failed, code: "131026" }, { status: "FAILED", code: "other" })).toBe(false);
  expect(isChosen(failed, { status: "UNCERTAIN", code: "131026" })).toBe(false);
  expect(isChosen(skipped, { status: "SKIPPED", code: "blank_variable" })).toBe(true);
  expect(isChosen(skipped, { status: "SKIPPED", code: "opted_out" })).toBe(false);
  expect(isChosen(skipped, { status: "SKIPPED" })).toBe(false);
});

test("messages are counted by reason, over all texts", () => {
  const place = { status: "FAILED", code: "x", variant: 0, messages: 2 } as const;
  expect(countChosen(failed, [place, { ...place, variant: 1 }, { ...place, code: null }, { ...place, status: "SENT" }])).toEqual([
    { code: "x", messages: 4 },
    { code: null, messages: 2 },
  ]);
  expect(reasonCounts([{ code: "x" }, {}, { code: "x" }])).toEqual([
    { code: "x", messages: 2 },
    { code: null, messages: 1 },
  ]);
});
