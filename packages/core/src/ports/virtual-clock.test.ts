import { expect, test } from "vitest";
import { virtualClock } from "./virtual-clock.ts";

test("time stands still until it is advanced", async () => {
  const clock = virtualClock({ start: 1_000 });
  expect(clock.now()).toBe(1_000);
  await clock.advance(250);
  expect(clock.now()).toBe(1_250);
});

test("tasks run in the order of their moments, each at its own, and equals in the order they were asked for", async () => {
  const clock = virtualClock({ start: 0 });
  const seen: [string, number][] = [];
  const note = (name: string) => () => seen.push([name, clock.now()]);
  clock.schedule(20, note("third"));
  clock.schedule(10, note("first"));
  clock.schedule(10, note("second"));
  clock.schedule(31, note("too late"));
  await clock.advance(30);
  expect(seen).toEqual([
    ["first", 10],
    ["second", 10],
    ["third", 20],
  ]);
});

test("what a task sets off settles before the next task", async () => {
  const clock = virtualClock({ start: 0 });
  const seen: string[] = [];
  clock.schedule(10, () => {
    void (async () => {
      for (let step = 0; step < 50; step += 1) await Promise.resolve();
      seen.push("settled");
    })();
  });
  clock.schedule(11, () => seen.push("next"));
  await clock.advance(20);
  expect(seen).toEqual(["settled", "next"]);
});

test("a task may schedule the next one inside the same advance", async () => {
  const clock = virtualClock({ start: 0 });
  let ticks = 0;
  const tick = () => {
    ticks += 1;
    clock.schedule(10, tick);
  };
  clock.schedule(10, tick);
  await clock.advance(100);
  expect(ticks).toBe(10);
});

test("a task that is called off does not run", async () => {
  const clock = virtualClock();
  let ran = false;
  const cancel = clock.schedule(10, () => {
    ran = true;
  });
  cancel();
  await clock.advance(20);
  expect(ran).toBe(false);
});

test("sleep ends when its time has come, or at once when its signal aborts", async () => {
  const clock = virtualClock({ start: 0 });
  const abort = new AbortController();
  const woken: [string, number][] = [];
  void clock.sleep(100).then(() => woken.push(["in time", clock.now()]));
  void clock.sleep(100, abort.signal).then(() => woken.push(["aborted", clock.now()]));
  void clock.sleep(100, AbortSignal.abort()).then(() => woken.push(["never slept", clock.now()]));
  await clock.advance(50);
  abort.abort();
  await clock.advance(50);
  expect(woken).toEqual([
    ["never slept", 0],
    ["aborted", 50],
    ["in time", 100],
  ]);
});

test("chance comes from the seed", () => {
  const numbers = (seed: number) => Array.from({ length: 4 }, virtualClock({ seed }).random);
  expect(numbers(5)).toEqual(numbers(5));
  expect(numbers(5)).not.toEqual(numbers(6));
});

test("a task that throws is the advance's error, and the clock goes on", async () => {
  const clock = virtualClock({ start: 0 });
  clock.schedule(10, () => {
    throw new Error("the task failed");
  });
  await expect(clock.advance(20)).rejects.toThrow("the task failed");
  await clock.advance(20);
  expect(clock.now()).toBe(30);
});

test("advancing twice at once is refused", async () => {
  const clock = virtualClock();
  const first = clock.advance(10);
  await expect(clock.advance(10)).rejects.toThrow("already advancing");
  await first;
});
