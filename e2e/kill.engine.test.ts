/** Proves, with a short drill, that two backends and three workers on MongoDB and Kafka lose nothing and send nothing twice. */
import { randomInt } from "node:crypto";
import { drillLayout } from "@mini-crm/cli/drill/drill";
import { ownEngines } from "@mini-crm/runtime/own-engines";
import { expect, test } from "vitest";
import { KAFKA, MONGODB } from "./engines/given.ts";
import { endOrphanedTransactions } from "./orphans.ts";
import { SEVERAL } from "./system.ts";

const KILLS = 4;
const LEADS = 1_500;

test("killed, frozen and failed again and again, several processes keep every promise", { timeout: 600_000 }, async () => {
  const seed = randomInt(2 ** 31);
  const engines = ownEngines({ ...MONGODB, ...KAFKA });
  const remove = async (): Promise<void> => {
    await endOrphanedTransactions(MONGODB.MONGODB_URL);
    await engines.remove();
  };
  const { figures, findings } = await drillLayout({
    layout: SEVERAL,
    engines: { ...engines, remove },
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
