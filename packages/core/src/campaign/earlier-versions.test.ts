import { expect, test } from "vitest";
import { EVERYBODY } from "../contracts/samples.ts";
import { NO_CONTENT, storedOptions, storedRun } from "./earlier-versions.ts";
import { NO_OPTIONS } from "./options.ts";

test("options that did not exist yet are not set, and the others stay", () => {
  const buttons = ["Yes"];
  expect(storedOptions({ expires_at: 5 })).toEqual({ ...NO_OPTIONS, expires_at: 5 });
  expect(storedOptions({ ...NO_OPTIONS, buttons })).toEqual({ ...NO_OPTIONS, buttons });
});

test("a run that was frozen without content sends nothing but its text", () => {
  const run = { rule: EVERYBODY, variants: [], fields: [], cutoff: 5 };
  expect(storedRun(run)).toEqual({ ...run, content: NO_CONTENT });
  const content = { media: null, buttons: ["Yes"], template: null };
  expect(storedRun({ ...run, content })).toEqual({ ...run, content });
});
