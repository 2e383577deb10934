import { expect, test } from "vitest";
import { chanceFrom, hashOf } from "./chance.ts";

test("the same seed and text always give the same numbers", () => {
  const numbers = () => Array.from({ length: 5 }, chanceFrom(hashOf(7, "a message")));
  expect(numbers()).toEqual(numbers());
});

test("another seed or another text gives other numbers", () => {
  const first = (seed: number, text: string) => chanceFrom(hashOf(seed, text))();
  const all = [first(1, "a"), first(2, "a"), first(1, "b"), first(0, ""), first(1, "")];
  expect(new Set(all).size).toBe(all.length);
});

test("a hundred thousand consecutive texts have a hash each", () => {
  const hashes = new Set(Array.from({ length: 100_000 }, (_, index) => hashOf(1, `65a4b4ea${index}`).join()));
  expect(hashes.size).toBe(100_000);
});

test("the numbers are spread evenly, within one source and over the first of many", () => {
  const one = chanceFrom(hashOf(3, "one"));
  const sources = [one, () => chanceFrom(hashOf(3, String(one())))()];
  for (const source of sources) {
    const tenths = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 20_000; draw += 1) {
      const tenth = Math.floor(source() * 10);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    // 2,000 are expected in each; five standard deviations are 212.
    for (const count of tenths) expect(Math.abs(count - 2_000)).toBeLessThan(212);
  }
});
