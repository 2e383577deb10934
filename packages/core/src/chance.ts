/** Owns repeatable chance: the same seed, or the same text under it, gives the same numbers everywhere. */

/** Numbers in [0, 1), one per call. */
export type Chance = () => number;

/** 64 bits that stand for `text` under `seed`, as two unsigned halves. Spreads well; protects nothing. */
export function hashOf(seed: number, text: string): [number, number] {
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ Math.imul(seed, 0x9e3779b1);
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 0x9e3779b1);
    low = Math.imul(low ^ unit, 0x5f356495);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return [high >>> 0, low >>> 0];
}

/** The number in [0, 1) that `hash` holds for one of many purposes: each purpose has its own, and nothing is kept. */
export function drawOf([high, low]: readonly [number, number], purpose: number): number {
  let mixed = Math.imul(high ^ Math.imul(purpose + 1, 0x9e3779b1), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15) ^ low, 0xc2b2ae35);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
}

/** A source of chance from a 64-bit seed: Doty-Humphrey's sfc32. */
export function chanceFrom([high, low]: readonly [number, number]): Chance {
  let a = high | 0;
  let b = low | 0;
  let c = 0x9e3779b9 | 0;
  let count = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + count) | 0;
    count = (count + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  // The first numbers still show the seed's bits.
  for (let round = 0; round < 8; round += 1) next();
  return next;
}
