/** Owns the lots that a simulated run draws: one stream for each purpose, so that one accident more or less shifts no other. */
import { chanceFrom, hashOf } from "@mini-crm/core/chance";

export interface Draws {
  /** A number in [0, 1). */
  unit(): number;
  /** A whole number, both ends included. */
  between(from: number, to: number): number;
  /** True in this share of cases. */
  happens(share: number): boolean;
  /** One of a list that is not empty. */
  oneOf<T>(list: readonly T[]): T;
}

export function drawsFor(seed: number, purpose: string): Draws {
  const unit = chanceFrom(hashOf(seed, purpose));
  return {
    unit,
    between: (from, to) => from + Math.floor(unit() * (to - from + 1)),
    happens: (share) => unit() < share,
    oneOf(list) {
      const drawn = list[Math.floor(unit() * list.length)];
      if (drawn === undefined) throw new Error("Nothing to draw from");
      return drawn;
    },
  };
}
