import { expect, test } from "vitest";
import { chanceFrom, drawOf, hashOf } from "./chance.ts";

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

test("the numbers are spread evenly: of one source, over the first of many, and over the purposes of many texts", () => {
  const one = chanceFrom(hashOf(3, "one"));
  let texts = 0;
  const ofPurpose = (purpose: number) => () => {
    texts += 1;
    return drawOf(hashOf(3, `65a4b4ea${texts}`), purpose);
  };
  const sources = [one, () => chanceFrom(hashOf(3, String(one())))(), ofPurpose(0), ofPurpose(1), ofPurpose(9)];
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

test("what is drawn for one purpose tells nothing of another", () => {
  let both = 0;
  for (let text = 0; text < 20_000; text += 1) {
    const hash = hashOf(5, String(text));
    if (drawOf(hash, 0) < 0.5 && drawOf(hash, 1) < 0.5) both += 1;
  }
  // 5,000 are expected; five standard deviations are 306.
  expect(Math.abs(both - 5_000)).toBeLessThan(306);
});
