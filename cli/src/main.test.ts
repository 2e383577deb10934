import { expect, test } from "vitest";
import { startEntry } from "./drill/system.ts";

const ASKING = ["help", "--help", "doctor --help", "drill -h", "drill --kills 3 --help", "channel pair --help"];

test.each(ASKING)("%s shows how the command is used, and does nothing", async (words) => {
  const started = startEntry("cli/src/main.ts", words.split(" "), {});
  expect([await started.exited, started.output()]).toEqual([0, expect.stringMatching(/^Usage: minicrm <command>\n/)]);
});

test.each(["drlil", "start --whatsapp meta"])("%s, which nobody knows, ends with 2 and the usage", async (words) => {
  const started = startEntry("cli/src/main.ts", words.split(" "), {});
  expect([await started.exited, started.output()]).toEqual([2, expect.stringContaining(`minicrm does not know "${words}"`)]);
});
