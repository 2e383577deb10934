import { randomBytes } from "node:crypto";
import { AppError } from "@mini-crm/core/app-error";
import type { SessionStore } from "@mini-crm/core/ports/channel-store";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openTemporary, type Temporary } from "../sqlite/temporary.ts";
import { systemClock } from "../system-clock/system-clock.ts";
import { createVault } from "../vault/vault.ts";
import { SessionLost, sessionEntries } from "./session-entries.ts";

const clock = systemClock();
const vault = createVault(randomBytes(32));

let temporary: Temporary;
beforeAll(async () => {
  temporary = await openTemporary();
});
afterAll(() => temporary.close());

let sessions: SessionStore;
beforeEach(async () => {
  temporary.empty();
  sessions = temporary.store.sessions;
  await sessions.hold({ channel_id: "default", owner: "one", wants: false, leaseMs: 60_000, now: clock.now() });
});

function open(changes: Partial<SessionStore> = {}, owner = "one") {
  const seen = { writes: [] as string[][], lost: 0 };
  const recording: SessionStore = {
    ...sessions,
    write(request) {
      seen.writes.push(Object.keys(request.entries));
      return (changes.write ?? sessions.write)(request);
    },
  };
  const onLost = () => {
    seen.lost += 1;
  };
  const entries = sessionEntries({ channelId: "default", owner, clock, sessions: recording, vault, holds: () => true, onLost });
  return { entries, seen };
}

test("what is written is read again, and nobody else can read it", async () => {
  const { entries } = open();
  await entries.write({ a: "alpha", b: "beta" });
  expect(await entries.read(["a", "b", "c"])).toEqual(
    new Map([
      ["a", "alpha"],
      ["b", "beta"],
    ]),
  );
  const stored = await sessions.read("default", ["a", "b"]);
  expect(Object.values(stored).join()).not.toMatch(/alpha|beta/);
  // A value is sealed for its key: it means nothing under another one.
  const swapped = { a: stored["b"] ?? "", b: stored["a"] ?? "" };
  await sessions.write({ channel_id: "default", owner: "one", entries: swapped, now: clock.now() });
  await expect(entries.read(["a"])).rejects.toThrow(AppError);
});

test("a change that is still on its way is read already, in its order", async () => {
  const { entries } = open();
  const written = [entries.write({ a: "1", b: "1" }), entries.write({ a: "2" }), entries.clear("b"), entries.write({ bb: "3" })];
  expect(await entries.read(["a", "b", "bb"])).toEqual(
    new Map([
      ["a", "2"],
      ["bb", "3"],
    ]),
  );
  await Promise.all(written);
  expect(await entries.read(["a", "b", "bb"])).toEqual(
    new Map([
      ["a", "2"],
      ["bb", "3"],
    ]),
  );
});

test("changes that wait for their turn go in one transaction", async () => {
  const { entries, seen } = open();
  await Promise.all([entries.write({ a: "1" }), entries.write({ b: "1" }), entries.write({ c: "1", b: null })]);
  expect(seen.writes).toEqual([["a"], ["b", "c"]]);
  expect([...(await entries.read(["a", "b", "c"])).keys()]).toEqual(["a", "c"]);
});

test("where the session is another's, nothing is written, and whoever asked hears of it", async () => {
  const { entries, seen } = open({}, "two");
  await expect(entries.write({ a: "1" })).rejects.toThrow(SessionLost);
  expect(seen.lost).toBe(1);
  expect(await entries.read(["a"])).toEqual(new Map());
});

test("a store that cannot be reached is waited out", async () => {
  let tries = 0;
  const { entries } = open({
    async write(request) {
      tries += 1;
      if (tries < 2) throw new AppError("STORE_UNAVAILABLE", "The disk is busy", { retryable: true });
      return sessions.write(request);
    },
  });
  await entries.write({ a: "1" });
  expect(tries).toBe(2);
  expect(await entries.read(["a"])).toEqual(new Map([["a", "1"]]));
});

test("a failure that nothing can mend is told, and stands in nobody's way", async () => {
  let isBroken = true;
  const { entries } = open({
    write: (request) => (isBroken ? Promise.reject(new TypeError("A bug")) : sessions.write(request)),
  });
  await expect(entries.write({ a: "1" })).rejects.toThrow("A bug");
  isBroken = false;
  await entries.write({ b: "2" });
  expect(await entries.read(["a", "b"])).toEqual(new Map([["b", "2"]]));
});
