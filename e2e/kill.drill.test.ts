/** Proves, with the short form of `minicrm drill`, that whatever dies at whatever moment loses nothing and sends nothing twice. */
import { randomInt } from "node:crypto";
import { drillLayout } from "@mini-crm/cli/drill/drill";
import { ownEngines } from "@mini-crm/runtime/own-engines";
import { expect, test } from "vitest";
import { LAYOUTS } from "./system.ts";

const KILLS = 12;
const LEADS = 6_000;

// Side by side: they mostly wait, for leases and answers that do not come.
test.concurrent.each(LAYOUTS)("killed, frozen and failed again and again, %s keeps every promise", async (layout) => {
  const seed = randomInt(2 ** 31);
  const { figures, findings } = await drillLayout({
    layout,
    engines: ownEngines({}),
    seed,
    kills: KILLS,
    leads: LEADS,
    print: (text) => console.log(text),
    signal: new AbortController().signal,
  });
  expect(
    findings.filter(({ violations }) => violations > 0),
    `seed ${seed}`,
  ).toEqual([]);
  expect(figures.find(({ name }) => name === "messages that left")?.value).toBeGreaterThan(LEADS / 2);
});
