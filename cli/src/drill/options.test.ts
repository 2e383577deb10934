import { expect, test } from "vitest";
import { readOptions } from "./options.ts";

test("without options it is the short form in both layouts, from any seed", () => {
  expect(readOptions([])).toEqual({
    kind: "options",
    options: {
      seed: expect.any(Number),
      kills: 20,
      leads: 10_000,
      layouts: ["one process", "two processes"],
      whatsApp: "simulator",
    },
  });
});

test("each option is taken, with a space or an equals sign", () => {
  expect(readOptions(["--kills", "3", "--leads=50", "--seed", "0", "--layout=two", "--whatsapp", "twin"])).toEqual({
    kind: "options",
    options: { seed: 0, kills: 3, leads: 50, layouts: ["two processes"], whatsApp: "twin" },
  });
  expect(readOptions(["--long", "--layout", "one", "--seed", "9"])).toEqual({
    kind: "options",
    options: { seed: 9, kills: 100, leads: 10_000, layouts: ["one process"], whatsApp: "simulator" },
  });
  expect(readOptions(["--long", "--kills", "500"])).toMatchObject({ options: { kills: 500 } });
});

test.each([
  [["--kills", "0"], '--kills must be a whole number from 1 to 10000, but is "0".'],
  [["--kills", "-3"], '--kills must be a whole number from 1 to 10000, but is "-3".'],
  [["--kills"], "--kills must be a whole number from 1 to 10000, but is missing."],
  [["--leads", "1e3"], '--leads must be a whole number from 1 to 100000, but is "1e3".'],
  [["--seed", "dice"], '--seed must be a whole number from 0 to 2147483648, but is "dice".'],
  [["--layout", "three"], '--layout must be one, two, both or several, but is "three".'],
  [["--whatsapp", "web"], '--whatsapp must be simulator or twin, but is "web".'],
  [["--long", "--kills", "5"], "--long is for 100 kills or more: leave one of --long and --kills out."],
  [["--long=yes"], "--long takes no value."],
  [["--forever"], "drill has no option --forever."],
  [["now"], '"now" is no option of drill.'],
])("%j is refused, and why is said", (args, problem) => {
  const read = readOptions(args);
  expect(read.kind === "refused" && read.problems).toContain(problem);
});

test("everything that is wrong is said at once", () => {
  const read = readOptions(["--kills", "many", "--layout", "none", "--what"]);
  expect(read.kind === "refused" && read.problems).toHaveLength(3);
});
