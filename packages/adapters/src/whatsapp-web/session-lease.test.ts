import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { openTemporary, type Temporary } from "../sqlite/temporary.ts";
import { createSessionLease } from "./session-lease.ts";

let temporary: Temporary;
beforeAll(async () => {
  temporary = await openTemporary();
});
afterAll(() => temporary.close());
beforeEach(() => temporary.empty());

/** The store answers from a thread of its own: the next moment comes when nothing is asked of it any more. */
let asked = 0;
const settle = async () => {
  do await new Promise((resolve) => setImmediate(resolve));
  while (asked > 0);
};
const clock = virtualClock({ settle });
const leases: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(leases.splice(0).map((lease) => lease.stop()));
});

function process(owner: string, options: { mayLetGo?: boolean; isCutOff?: () => boolean; fails?: () => boolean } = {}) {
  const seen: string[] = [];
  const { sessions } = temporary.store;
  const lease = createSessionLease({
    ...{ channelId: "default", owner, clock },
    sessions: {
      ...sessions,
      async hold(request) {
        if (options.isCutOff?.() === true) throw new Error("The disk is gone");
        asked += 1;
        try {
          return await sessions.hold(request);
        } finally {
          asked -= 1;
        }
      },
    },
    async onHeld() {
      if (options.fails?.() === true) throw new Error("It cannot be read");
      seen.push("held");
    },
    async onNotHeld(reason) {
      seen.push(reason);
    },
    mayLetGo: () => options.mayLetGo ?? true,
  });
  leases.push(lease);
  return { lease, seen };
}

test("of two processes the first has it, for as long as it lives; the other says who", async () => {
  const one = process("one");
  const two = process("two");
  await one.lease.start();
  await two.lease.start();
  await clock.advance(60_000);
  expect([one.lease.holds(), two.lease.holds()]).toEqual([true, false]);
  expect([one.lease.standsBy(), two.lease.standsBy()]).toEqual([false, true]);
  expect(one.seen).toEqual(["held"]);
  expect(two.seen).toEqual(["The process one has the session; this one stands by."]);
});

test("when it is stopped the next one has it soon", async () => {
  const one = process("one");
  const two = process("two");
  await one.lease.start();
  await two.lease.start();
  await one.lease.stop();
  expect(one.seen).toEqual(["held", "Stopped."]);
  await clock.advance(3_000);
  expect(two.lease.holds()).toBe(true);
  expect(two.lease.standsBy()).toBe(false);
});

test("an owner that cannot reach the store gives up when its lease ends, before anybody else may have it", async () => {
  let isCutOff = false;
  const one = process("one", { isCutOff: () => isCutOff });
  const two = process("two");
  await one.lease.start();
  await two.lease.start();
  isCutOff = true;
  const lastRenewal = clock.now();
  while (one.lease.holds()) {
    expect(two.lease.holds()).toBe(false);
    await clock.advance(500);
  }
  expect(clock.now() - lastRenewal).toBe(10_000);
  expect(one.seen.at(-1)).toContain("could not be reached");
  await clock.advance(3_000);
  expect(two.lease.holds()).toBe(true);
  isCutOff = false;
  await clock.advance(3_000);
  expect(one.seen.at(-1)).toContain("The process two has the session");
});

test("it moves to a process that wants it, but not before ten seconds, and comes back no sooner", async () => {
  const one = process("one");
  const two = process("two");
  await one.lease.start();
  await two.lease.start();
  two.lease.want();
  await clock.advance(9_000);
  expect(one.lease.holds()).toBe(true);
  two.lease.want();
  one.lease.want();
  await clock.advance(9_000);
  expect([one.lease.holds(), two.lease.holds()]).toEqual([false, true]);
  expect(one.seen).toContain("Another process has messages to send, and gets the session.");
});

test("an owner with something under way keeps it", async () => {
  const one = process("one", { mayLetGo: false });
  const two = process("two");
  await one.lease.start();
  await two.lease.start();
  for (let round = 0; round < 10; round += 1) {
    two.lease.want();
    await clock.advance(3_000);
  }
  expect(one.lease.holds()).toBe(true);
});

test("a session that cannot be opened is let go, says why, and is tried again", async () => {
  let fails = true;
  const one = process("one", { fails: () => fails });
  await one.lease.start();
  expect(one.seen).toEqual(["The session cannot be opened: It cannot be read"]);
  expect(one.lease.holds()).toBe(false);
  fails = false;
  await clock.advance(3_000);
  expect(one.lease.holds()).toBe(true);
});

test("where the store says that it is another's, it is given up at once", async () => {
  const one = process("one");
  await one.lease.start();
  one.lease.lost();
  expect(one.lease.holds()).toBe(false);
  await clock.advance(0);
  expect(one.seen).toEqual(["held", "Another process has taken the session."]);
});
