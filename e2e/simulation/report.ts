/** Owns what a person is told of a simulated run that broke a promise: which, how to see it again, and how it came to that. */
import { planOf } from "./plan.ts";
import type { Outcome } from "./simulate.ts";

export function describeFailure({ seed, broken, lines }: Outcome): string {
  const { accidents, ...world } = planOf(seed);
  return [
    ...lines,
    "",
    `The world: ${JSON.stringify(world)}`,
    `The accidents: ${accidents.map(({ kind, afterMs }) => `after ${afterMs} ms ${kind}`).join(", ")}`,
    `Seed ${seed} broke a promise: ${broken}`,
    `See it again, with the whole trace: SIMULATION_SEED=${seed} npm run simulate`,
  ].join("\n");
}
