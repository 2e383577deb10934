import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { expect, test } from "vitest";
import { createHandover } from "./handover.ts";
import type { SessionEntries } from "./session-entries.ts";

function setup() {
  const stored = new Map<string, string>();
  const clock = virtualClock();
  const entries: SessionEntries = {
    read: async (keys) => new Map(keys.flatMap((key) => (stored.has(key) ? [[key, stored.get(key) ?? ""]] : []))),
    async write(changes) {
      for (const [key, value] of Object.entries(changes)) {
        if (value === null) stored.delete(key);
        else stored.set(key, value);
      }
    },
    clear: async () => {},
  };
  return { stored, clock, open: () => createHandover<number>({ name: "receipts", clock, entries }) };
}

test("what is added is heard in its order by all who listen, and then kept no more", async () => {
  const { open, stored, clock } = setup();
  const handover = open();
  await handover.start();
  await handover.add([1, 2], { other: "kept" });
  await handover.add([3]);
  const heard: number[][] = [[], []];
  for (const mine of heard) handover.listen(async (items) => void mine.push(...items));
  await clock.advance(0);
  expect(heard).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ]);
  expect([...stored]).toEqual([
    ["other", "kept"],
    ["receipts", "[3,3]"],
  ]);
  expect(handover.size()).toBe(0);
  await handover.stop();
});

test("what somebody refused comes again, later each time, until all have heard it", async () => {
  const { open, clock } = setup();
  const handover = open();
  await handover.start();
  const refusedAt: number[] = [];
  let isDeaf = true;
  const began = clock.now();
  handover.listen(async () => {
    if (!isDeaf) return;
    refusedAt.push(clock.now() - began);
    throw new Error("not now");
  });
  await handover.add([1]);
  await clock.advance(1_000);
  expect(refusedAt).toEqual([0, 100, 300, 700]);
  isDeaf = false;
  await clock.advance(10_000);
  expect(handover.size()).toBe(0);
  await handover.stop();
});

test("another owner of the session goes on where the last one stopped", async () => {
  const { open, clock } = setup();
  const first = open();
  await first.start();
  const heard: number[] = [];
  first.listen(async (items) => void heard.push(...items));
  await first.add([1]);
  await clock.advance(0);
  await first.stop();
  await first.add([2]);
  const second = open();
  await second.start();
  expect(second.size()).toBe(1);
  second.listen(async (items) => void heard.push(...items));
  await clock.advance(0);
  expect(heard).toEqual([1, 2]);
  await second.stop();
});

test("many go in batches of a hundred", async () => {
  const { open, clock } = setup();
  const handover = open();
  await handover.start();
  await handover.add(Array.from({ length: 250 }, (_, index) => index));
  const batches: number[] = [];
  handover.listen(async (items) => void batches.push(items.length));
  await clock.advance(0);
  expect(batches).toEqual([100, 100, 50]);
  await handover.stop();
});
