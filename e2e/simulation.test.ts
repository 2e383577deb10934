/** Proves the promises under every accident: many seeds of the simulation, that it repeats itself, and that it finds bugs. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { PLANTED_BUGS } from "./simulation/planted-bugs.ts";
import { describeFailure } from "./simulation/report.ts";
import { type Outcome, simulate } from "./simulation/simulate.ts";

/** `SIMULATION_SEEDS=5000 npm test -- simulation` for more of them. */
const SEEDS = Number(process.env["SIMULATION_SEEDS"] ?? 200);
const SEEDS_PER_TEST = 50;
const MINUTES_MS = 60_000;

function expectPromisesKept(outcome: Outcome): void {
  if (outcome.broken !== null) expect.fail(describeFailure(outcome));
}

describe(`in ${SEEDS} seeds of crashes, freezes, outages and second thoughts every promise is kept`, () => {
  const firsts = Array.from({ length: Math.ceil(SEEDS / SEEDS_PER_TEST) }, (_, index) => 1 + index * SEEDS_PER_TEST);

  test.each(firsts)("from seed %i on", { timeout: 10 * MINUTES_MS }, async (first) => {
    for (let seed = first; seed < Math.min(first + SEEDS_PER_TEST, 1 + SEEDS); seed += 1) {
      expectPromisesKept(await simulate(seed));
      await nextTurn();
    }
  });
});

test("a seed repeats itself to the last effect, whatever ran before it", async () => {
  const seeds = [1, 2, 3, 4, 5];
  const hashes = async (order: readonly number[]) => {
    const found = new Map<number, string | null>();
    for (const seed of order) found.set(seed, (await simulate(seed, { hashed: true })).hash);
    return found;
  };
  const first = await hashes(seeds);
  const second = await hashes(seeds.toReversed());
  expect(new Set(first.values()).size).toBe(seeds.length);
  for (const seed of seeds) expect(second.get(seed), `seed ${seed}`).toBe(first.get(seed));
});

describe("a planted bug is found", () => {
  const mostSeeds = 200;

  test.each(Object.entries(PLANTED_BUGS))("%s", { timeout: 2 * MINUTES_MS }, async (name, bug) => {
    for (let seed = 1; seed <= mostSeeds; seed += 1) {
      const { broken } = await simulate(seed, { bug });
      await nextTurn();
      if (broken === null) continue;
      console.log(`"${name}" was found in seed ${seed}: ${broken}`);
      return;
    }
    expect.fail(`"${name}" was not found in ${mostSeeds} seeds`);
  });
});
