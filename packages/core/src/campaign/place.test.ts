import { expect, test } from "vitest";
import { countedCode, placesOf, windowOfLead } from "./place.ts";

test("a reason tells places apart only where the status needs one", () => {
  expect(countedCode({ status: "FAILED", code: "131026" })).toBe("131026");
  expect(countedCode({ status: "PENDING" })).toBe("");
  expect(countedCode({ status: "SENT", code: "131026" })).toBe("");
});

test("a window begins behind its first lead and ends with the one that the next begins behind", () => {
  const windows = ["", "b", "d"];
  expect(windowOfLead(windows, "b")).toEqual({ window: "", end: "b" });
  expect(windowOfLead(windows, "c")).toEqual({ window: "b", end: "d" });
  expect(windowOfLead(windows, "e")).toEqual({ window: "d", end: "g" });
  expect(() => windowOfLead(["b"], "a")).toThrow(/No window/);
});

test("stored messages of one place are counted together", () => {
  const rows = [
    { _id: null, status: "SENT", code: null, messages: 2 },
    { _id: null, status: "SENT", code: "late", messages: 1 },
    { _id: null, status: "FAILED", code: "131026", messages: 4 },
  ] as const;
  expect(placesOf("w", [], rows)).toEqual([
    { window: "w", status: "SENT", code: null, variant: 0, messages: 3 },
    { window: "w", status: "FAILED", code: "131026", variant: 0, messages: 4 },
  ]);
});
