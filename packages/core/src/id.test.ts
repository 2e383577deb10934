import { expect, test } from "vitest";
import { idSource, isId } from "./id.ts";
import { virtualClock } from "./ports/virtual-clock.ts";

test("identifiers are 24 hexadecimal digits that rise, also when the clock goes back", async () => {
  const clock = virtualClock({ seed: 1 });
  let now = clock.now();
  const next = idSource({ now: () => now, random: clock.random });
  const ids: string[] = [];
  for (let index = 0; index < 3_000; index += 1) {
    if (index === 1_000) now += 5_000;
    if (index === 2_000) now -= 60_000;
    ids.push(next());
  }
  expect(ids.every(isId)).toBe(true);
  expect(ids).toEqual(ids.toSorted());
  expect(new Set(ids).size).toBe(ids.length);
});

test("two sources never give the same identifier", () => {
  const clock = virtualClock({ seed: 2 });
  const [first, second] = [idSource(clock), idSource(clock)];
  const ids = Array.from({ length: 1_000 }, () => [first(), second()]).flat();
  expect(new Set(ids).size).toBe(2_000);
});

test.each(["", "65a4b3d9e8f123456789cd", "65A4B2C8D9E8F123456789AB", "65a4b2c8d9e8f123456789ab\n"])(
  "%j is no identifier",
  (text) => {
    expect(isId(text)).toBe(false);
  },
);
