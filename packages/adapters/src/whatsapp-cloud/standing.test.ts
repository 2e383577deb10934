import type { Instant } from "@mini-crm/core/instant";
import { expect, test } from "vitest";
import type { NumberFacts, NumberLook } from "./number.ts";
import { afterLook, afterRefusal, afterSilence, type Standing, stoppedStanding, whileLooking } from "./standing.ts";

const FACTS: NumberFacts = { userName: "Lucky Shrub", warning: null, recipientsPerDay: 10_000 };
const USABLE: NumberLook = { kind: "usable", facts: FACTS };
const AWAY: NumberLook = { kind: "away", reason: "no answer" };
const BUSY: NumberLook = { kind: "busy", reason: "too many calls" };
const MINUTE_MS = 60_000;
/** Nearly all of every span. */
const CHANCE = 1 - 2 ** -32;

const look = (standing: Standing, seen: NumberLook, now: Instant) => afterLook(whileLooking(standing, now), seen, now, CHANCE);
const started = () => whileLooking(stoppedStanding("not started", 0), 1_000);
const open = () => look(started(), USABLE, 2_000);
const refused = (state: "auth_invalid" | "restricted" | "banned"): NumberLook => ({
  kind: "refused",
  state,
  reason: "no",
  facts: null,
});

test("it connects, and is open when Meta knows the number", () => {
  expect(started().connection).toEqual({ state: "connecting", since: 1_000, reason: null, until: null, pairing: null });
  expect(open()).toMatchObject({
    connection: { state: "open", since: 2_000, reason: null },
    facts: FACTS,
    lookInMs: 5 * MINUTE_MS,
  });
});

test("another look that finds all well changes nothing but the facts", () => {
  const later = look(open(), { kind: "usable", facts: { ...FACTS, warning: "RED" } }, 9_000);
  expect(later).toMatchObject({ connection: { state: "open", since: 2_000 }, facts: { warning: "RED" } });
});

test("where Meta is away it comes back by itself, after ever longer times, and says when", () => {
  let standing = open();
  let now = 10_000;
  for (const backoffMs of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]) {
    standing = look(standing, AWAY, now);
    expect(standing.connection).toMatchObject({ state: "reconnecting", since: now, reason: "no answer", until: now + backoffMs });
    expect(standing.lookInMs).toBe(backoffMs);
    now += backoffMs;
    expect(whileLooking(standing, now).connection).toMatchObject({ state: "connecting", reason: "no answer", until: null });
  }
  standing = look(standing, USABLE, now);
  expect(standing.connection).toMatchObject({ state: "open", since: now, reason: null, until: null });
  expect(look(standing, AWAY, now).lookInMs).toBe(1_000);
});

test("looks of many processes are spread", () => {
  expect(afterLook(open(), USABLE, 0, 0).lookInMs).toBe(3.75 * MINUTE_MS);
  expect(afterSilence(open(), "gone", 0, 0).lookInMs).toBe(750);
});

test("a question that came too often closes nothing that is open", () => {
  expect(look(open(), BUSY, 5_000).connection.state).toBe("open");
  expect(look(started(), BUSY, 5_000).connection).toMatchObject({ state: "reconnecting", reason: "too many calls" });
});

test("what a look refuses, a look allows again", () => {
  for (const state of ["auth_invalid", "restricted", "banned"] as const) {
    const standing = look(open(), refused(state), 5_000);
    expect(standing.connection).toMatchObject({ state, since: 5_000, reason: "no" });
    expect(standing.connection.until).toBe(state === "restricted" ? 5_000 + 5 * MINUTE_MS : null);
    expect(look(standing, AWAY, 6_000).connection.state).toBe(state);
    expect(look(standing, USABLE, 7_000).connection).toMatchObject({ state: "open", since: 7_000 });
  }
});

test("what a send was told, a look that finds all well does not end: time does, or a person", () => {
  for (const state of ["auth_invalid", "banned"] as const) {
    const standing = afterRefusal(open(), state, "no", 5_000);
    expect(standing.lookInMs).toBe(1_000);
    expect(look(standing, USABLE, 5_000 + 24 * 60 * MINUTE_MS).connection.state).toBe(state);
  }
  const restricted = afterRefusal(open(), "restricted", "billing", 5_000);
  const until = 5_000 + 15 * MINUTE_MS;
  expect(restricted.connection).toMatchObject({ state: "restricted", reason: "billing", until });
  const looked = look(restricted, USABLE, 6_000);
  expect(looked).toMatchObject({ connection: { state: "restricted", until }, lookInMs: until - 6_000 });
  expect(look(looked, USABLE, until).connection.state).toBe("open");
});

test("a look that refuses as well takes over from what a send was told", () => {
  const standing = look(afterRefusal(open(), "auth_invalid", "no", 5_000), refused("auth_invalid"), 6_000);
  expect(standing.connection.since).toBe(5_000);
  expect(look(standing, USABLE, 7_000).connection.state).toBe("open");
});
