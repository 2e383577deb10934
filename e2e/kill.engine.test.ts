/** Proves, with a short drill, that two backends and three workers on MongoDB and Kafka lose nothing and send nothing twice. */
import { ownEngines } from "@mini-crm/runtime/own-engines";
import { test } from "vitest";
import { KAFKA, MONGODB } from "./engines/given.ts";
import { endOrphanedTransactions } from "./orphans.ts";
import { expectDrillToKeepPromises } from "./short-drill.ts";
import { SEVERAL } from "./system.ts";

test("killed, frozen and failed again and again, several processes keep every promise", { timeout: 600_000 }, () => {
  const engines = ownEngines({ ...MONGODB, ...KAFKA });
  const remove = async (): Promise<void> => {
    await endOrphanedTransactions(MONGODB.MONGODB_URL);
    await engines.remove();
  };
  return expectDrillToKeepPromises({ layout: SEVERAL, engines: { ...engines, remove }, kills: 4, leads: 1_500 });
});
