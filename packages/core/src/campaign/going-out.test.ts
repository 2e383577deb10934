import { expect, test } from "vitest";
import { draft, NOW } from "../contracts/samples.ts";
import { noMessages } from "./campaign.ts";
import { claimable, goesBefore, goingOut } from "./going-out.ts";
import { NO_OPTIONS } from "./options.ts";

const CANARY = { percent: 20, wait_minutes: 30, max_failed_percent: 10, max_opted_out_percent: 10 };
const running = draft({ status: "RUNNING", expected: 10, counts: { ...noMessages(), PENDING: 8, CLAIMED: 1, SENT: 1 } });

test("nothing limits what a running campaign may claim, and nothing may be claimed of another or an expired one", () => {
  expect(claimable(running, NOW)).toBe(Number.POSITIVE_INFINITY);
  expect(claimable({ ...running, status: "PAUSED" }, NOW)).toBe(0);
  expect(claimable({ ...running, options: { ...NO_OPTIONS, expires_at: NOW } }, NOW)).toBe(0);
});

test("while a canary is being sent only what is missing to it goes out, and afterwards all that is ready", () => {
  const watched = { ...running, options: { ...NO_OPTIONS, canary: CANARY }, canary_phase: "sending" } as const;
  expect(claimable(watched, NOW)).toBe(0);
  expect(goingOut(watched, 8, NOW)).toBe(1);
  expect(goingOut({ ...watched, canary_phase: "passed" }, 8, NOW)).toBe(9);
});

test("an expired campaign holds nobody up", () => {
  expect(goingOut({ ...running, options: { ...NO_OPTIONS, expires_at: NOW } }, 8, NOW)).toBe(0);
});

test("the campaign that was started earlier goes first, of two started at once one of them, and never a campaign before itself", () => {
  const [a, b] = [
    { _id: "a", started_at: 1 },
    { _id: "b", started_at: 1 },
  ] as const;
  expect([goesBefore(a, b), goesBefore(b, a)]).toEqual([true, false]);
  expect(goesBefore({ _id: "c", started_at: 0 }, a)).toBe(true);
  expect(goesBefore({ _id: "c", started_at: 2 }, a)).toBe(false);
  expect(goesBefore(a, { _id: "z", started_at: null })).toBe(true);
  expect(goesBefore(a, a)).toBe(false);
});
