import { expect, test } from "vitest";
import { startEntry } from "./drill/system.ts";

test.each([["help"], ["--help"], ["doctor", "--help"], ["drill", "-h"], ["drill", "--kills", "3", "--help"]])(
  "%s %s shows how the command is used, and does nothing",
  async (...args) => {
    const started = startEntry("cli/src/main.ts", args, {});
    expect([await started.exited, started.output()]).toEqual([0, expect.stringMatching(/^Usage: minicrm <command>\n/)]);
  },
);

test("a command that nobody knows ends with 2, and the usage", async () => {
  const started = startEntry("cli/src/main.ts", ["drlil"], {});
  expect([await started.exited, started.output()]).toEqual([2, expect.stringContaining('minicrm does not know "drlil"')]);
});
