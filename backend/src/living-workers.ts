/** Owns which workers processes are alive, as far as the store knows. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type { ProcessDetail, Store } from "@mini-crm/core/ports/store";

/** A process without a sign of life for so long counts as gone. */
const SIGN_OF_LIFE_MS = 10_000;

/** What each living workers process says of itself. */
export async function livingWorkers({ store, clock }: { store: Store; clock: Clock }): Promise<ProcessDetail[]> {
  const signs = await store.processes.seenSince(clock.now() - SIGN_OF_LIFE_MS);
  return signs.filter(({ role }) => role === "workers").map(({ detail }) => detail);
}
