import type { Moved } from "@mini-crm/runtime/move";
import { expect, test } from "vitest";
import { reportOf } from "./report.ts";

const HERE = { dataDir: "/data" };
const LEADS = { documents: 1_234, checksum: "ab12" };

function moved(fields: Partial<Moved> = {}): Moved {
  return { collections: [{ name: "lead", read: LEADS, found: LEADS, isSame: true }], deadLetters: 0, ...fields };
}

test("what has arrived is shown with its count and checksum, and then what to set", () => {
  const report = reportOf(moved(), HERE);
  expect(report).toMatch(/same +lead +1,234 +ab12\n/);
  expect(report).toContain("MONGODB_URL");
  expect(report).not.toContain("laid aside");
});

test("dead letters are said to stay", () => {
  expect(reportOf(moved({ deadLetters: 3 }), HERE)).toContain("3 events that were laid aside stay in /data");
});

test("a difference names the collection, with both sides, and nobody is told to go on", () => {
  const found = { documents: 1_233, checksum: "cd34" };
  const report = reportOf(moved({ collections: [{ name: "lead", read: LEADS, found, isSame: false }] }), HERE);
  expect(report).toMatch(/DIFFERENT +lead +1,234 +ab12\n +in MongoDB +1,233 +cd34\n/);
  expect(report).toContain("not hold what was read from SQLite: lead.");
  expect(report).not.toContain("From now on");
});
