import { expect, test } from "vitest";
import { held, isHeldBy, type SessionLease } from "./session-lease.ts";

const NOW = 1_000_000;
const request = (owner: string, now: number, wants = false) => ({ channel_id: "web", owner, wants, leaseMs: 30_000, now });
const taken = held(null, request("w1", NOW)).lease;

test("whoever comes first has it until the lease ends, and comes back to keep it", () => {
  expect(taken).toEqual({ owner: "w1", until: NOW + 30_000, wanted_until: 0 });
  const kept = held(taken, request("w1", NOW + 10_000));
  expect(kept).toEqual({ answer: { kind: "held", isWanted: false }, lease: { ...taken, until: NOW + 40_000 } });
  expect(held(taken, request("w2", NOW + 29_999)).answer).toEqual({ kind: "elsewhere", owner: "w1", until: NOW + 30_000 });
  expect(held(taken, request("w2", NOW + 30_000)).answer).toEqual({ kind: "held", isWanted: false });
});

test("the owner hears for 10 seconds that another one wants it, and the next owner no longer", () => {
  expect(held(taken, request("w2", NOW + 1)).lease).toEqual(taken);
  const wanted: SessionLease = held(taken, request("w2", NOW + 1, true)).lease;
  const isWanted = (now: number) => held(wanted, request("w1", now)).answer;
  expect(isWanted(NOW + 10_000)).toEqual({ kind: "held", isWanted: true });
  expect(isWanted(NOW + 10_001)).toEqual({ kind: "held", isWanted: false });
  const longWanted = { ...wanted, wanted_until: NOW + 90_000 };
  for (const owner of ["w1", "w2"]) {
    expect(held(longWanted, request(owner, NOW + 30_000))).toMatchObject({
      answer: { isWanted: false },
      lease: { wanted_until: 0 },
    });
  }
});

test("it is the owner's while the lease lasts, and nobody else's", () => {
  expect(isHeldBy(taken, "w1", NOW + 29_999)).toBe(true);
  expect(isHeldBy(taken, "w1", NOW + 30_000)).toBe(false);
  expect(isHeldBy(taken, "w2", NOW)).toBe(false);
  expect(isHeldBy(null, "w1", NOW)).toBe(false);
});
