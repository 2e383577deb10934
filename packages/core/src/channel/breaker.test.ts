import fc from "fast-check";
import { expect, test } from "vitest";
import { virtualClock } from "../ports/virtual-clock.ts";
import { createBreaker } from "./breaker.ts";

const OPTIONS = { failures: 3, firstBackoffMs: 1_000, maxBackoffMs: 8_000 };

function setup(seed = 1) {
  const clock = virtualClock({ start: 0, seed });
  const it = createBreaker(clock, OPTIONS);
  return {
    clock,
    it,
    open() {
      for (let failure = 0; failure < OPTIONS.failures; failure += 1) it.failed("cannot be reached");
    },
    async untilHalfOpen() {
      await clock.advance(it.until() - clock.now());
    },
  };
}

test("while all goes well, any number may go", () => {
  const { it } = setup();
  it.succeeded();
  expect(it.permits()).toBe(Number.POSITIVE_INFINITY);
  expect(it.until()).toBe(0);
  expect(it.state()).toEqual({ state: "closed", since: 0, failures: 0, reason: null });
});

test("it opens after the given number of failures in a row, and says why and since when", async () => {
  const { it, clock } = setup();
  await clock.advance(50);
  it.failed("first");
  it.failed("second");
  expect(it.state()).toEqual({ state: "closed", since: 0, failures: 2, reason: "second" });
  expect(it.permits()).toBe(Number.POSITIVE_INFINITY);
  it.failed("third");
  expect(it.permits()).toBe(0);
  expect(it.state()).toEqual({ state: "open", since: 50, until: it.until(), reason: "third" });
});

test("a success between failures starts the count again", () => {
  const { it } = setup();
  for (let round = 0; round < 5; round += 1) {
    it.failed("now and then");
    it.failed("now and then");
    it.succeeded();
  }
  expect(it.permits()).toBe(Number.POSITIVE_INFINITY);
});

test("when its time is over, one may go as a trial", async () => {
  const { it, clock, open } = setup();
  open();
  const until = it.until();
  await clock.advance(until - 1);
  expect(it.permits()).toBe(0);
  await clock.advance(10);
  expect(it.permits()).toBe(1);
  expect(it.until()).toBe(clock.now());
  expect(it.state()).toEqual({ state: "half_open", since: until, reason: "cannot be reached" });
});

test("a trial that succeeds closes it, and the next time begins with a short backoff again", async () => {
  const { it, clock, open, untilHalfOpen } = setup();
  for (let opening = 0; opening < 3; opening += 1) {
    open();
    await untilHalfOpen();
  }
  it.succeeded();
  expect(it.state()).toEqual({ state: "closed", since: clock.now(), failures: 0, reason: null });
  open();
  expect(it.until() - clock.now()).toBeLessThanOrEqual(OPTIONS.firstBackoffMs);
});

test("a trial that fails opens it again at once, for twice as long, up to the longest", async () => {
  const { it, clock, open, untilHalfOpen } = setup();
  open();
  for (const fullMs of [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]) {
    const backoffMs = it.until() - clock.now();
    expect(backoffMs).toBeGreaterThanOrEqual(fullMs * 0.75);
    expect(backoffMs).toBeLessThanOrEqual(fullMs);
    await untilHalfOpen();
    it.failed("still not");
    expect(it.permits()).toBe(0);
  }
});

test("backoffs differ from seed to seed, and not for one seed", () => {
  const until = (seed: number) => {
    const { it, open } = setup(seed);
    open();
    return it.until();
  };
  expect(until(1)).toBe(until(1));
  expect(until(1)).not.toBe(until(2));
});

test("an account that asks for a pause gets it at once", () => {
  const { it } = setup();
  it.failed("too many", 60_000);
  expect(it.until()).toBe(60_000);
});

test("results of sends that left before it opened change nothing", () => {
  const { it, open } = setup();
  open();
  const state = it.state();
  it.failed("late", 60_000);
  it.succeeded();
  expect(it.state()).toEqual(state);
});

test("whatever happens: it never sends while open, comes back after the longest backoff, and one success closes it", async () => {
  const event = fc.oneof(fc.constant("succeeded" as const), fc.constant("failed" as const), fc.integer({ min: 0, max: 5_000 }));
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
      const { it, clock } = setup();
      for (const happens of events) {
        if (happens === "succeeded") it.succeeded();
        else if (happens === "failed") it.failed("a failure");
        else await clock.advance(happens);
        const state = it.state();
        expect(it.permits()).toBe({ closed: Number.POSITIVE_INFINITY, open: 0, half_open: 1 }[state.state]);
        expect(it.until() > clock.now()).toBe(state.state === "open");
      }
      await clock.advance(OPTIONS.maxBackoffMs);
      expect(it.permits()).toBeGreaterThan(0);
      it.succeeded();
      expect(it.permits()).toBe(Number.POSITIVE_INFINITY);
    }),
  );
});

test("without a connection it opens at once, and closes when one opens, however long that took", async () => {
  const { it, clock, untilHalfOpen } = setup();
  it.failed("no answer");
  for (let round = 0; round < 4; round += 1) {
    it.unconnected("logged out");
    expect(it.state()).toMatchObject({ state: "open", reason: "logged out" });
    it.connected(-1); // It was open before that, so this says nothing new.
    expect(it.permits()).toBe(0);
    await untilHalfOpen();
  }
  it.connected(clock.now());
  expect(it.state()).toEqual({ state: "closed", since: clock.now(), failures: 0, reason: null });
  it.unconnected("logged out again");
  expect(it.until() - clock.now()).toBeLessThanOrEqual(OPTIONS.firstBackoffMs);
});

test("another connection mends nothing of what it had opened for before", async () => {
  const { it, clock, open, untilHalfOpen } = setup();
  open();
  it.unconnected("the connection went as well");
  it.connected(clock.now());
  expect(it.state()).toMatchObject({ state: "open", reason: "cannot be reached" });
  await untilHalfOpen();
  it.unconnected("the connection went as well");
  it.connected(clock.now());
  expect(it.permits()).toBe(0);
});
