import { describe, expect, test } from "vitest";
import { NO_LIMITS } from "./limits.ts";
import { type ChannelUse, notesRecipients, openGate, RECIPIENTS_WINDOW_MS, roomLeft } from "./room.ts";

const NOW = 1_000_000_000;
const RATE = { messages: 3, windowMs: 60_000 };
const NOTHING_USED: ChannelUse = { rate: null, recipients: null };
const rateUsed = (used: number) => ({ used, resetAt: NOW + 1_000 });
const written = (recipients: number) => ({ recipients, resetAt: NOW + 2_000 });

describe("the room that is left", () => {
  test("is endless without limits, and what the narrowest of them leaves with them", () => {
    expect(roomLeft(NO_LIMITS, NOTHING_USED)).toEqual({ room: Number.POSITIVE_INFINITY, limited: null });
    const limits = { ...NO_LIMITS, rate: RATE, recipientsPerDay: 10 };
    expect(roomLeft(limits, { rate: rateUsed(1), recipients: written(9) })).toEqual({ room: 1, limited: null });
    expect(roomLeft(limits, { rate: rateUsed(1), recipients: written(2) })).toEqual({ room: 2, limited: null });
  });

  test("is none where a limit is used up, also one that was lowered, until the last of those that are no longer counts", () => {
    const limits = { ...NO_LIMITS, rate: RATE, recipientsPerDay: 10 };
    const left = (used: number, recipients: number) =>
      roomLeft(limits, { rate: rateUsed(used), recipients: written(recipients) });
    expect(left(3, 9)).toEqual({ room: 0, limited: { until: NOW + 1_000, by: "rate" } });
    expect(left(0, 12)).toEqual({ room: 0, limited: { until: NOW + 2_000, by: "recipients" } });
    expect(left(4, 10)).toEqual({ room: 0, limited: { until: NOW + 2_000, by: "recipients" } });
  });
});

describe("the gate", () => {
  const open = (limits: Partial<typeof NO_LIMITS>, use: Partial<ChannelUse> = {}, last: [string, number][] = []) =>
    openGate({ ...NO_LIMITS, ...limits }, { ...NOTHING_USED, ...use, lastSentAt: new Map(last) }, NOW);

  test("lets no more through than the rate has room for", () => {
    const gate = open({ rate: RATE }, { rate: rateUsed(1) });
    gate.pass("+1");
    gate.pass("+1");
    expect(gate.hasRoomFor("+2")).toBe(false);
    expect(gate.passed()).toEqual(["+1"]);
  });

  test("lets those through for whom a day's recipients have room, and who are among them already", () => {
    const earlier: [string, number][] = [
      ["+1", NOW - RECIPIENTS_WINDOW_MS + 1],
      ["+2", NOW - RECIPIENTS_WINDOW_MS],
    ];
    const gate = open({ recipientsPerDay: 5 }, { recipients: written(4) }, earlier);
    gate.pass("+1");
    expect(gate.hasRoomFor("+2")).toBe(true);
    gate.pass("+3");
    expect(["+1", "+2", "+3", "+4"].map(gate.hasRoomFor)).toEqual([true, false, true, false]);
  });

  test("has everybody wait for the pause after their last message, and nobody longer than that", () => {
    const gate = open({ pairMs: 6_000 }, {}, [
      ["+1", NOW - 5_999],
      ["+2", NOW - 6_000],
      ["+3", NOW + 3_600_000],
    ]);
    expect(["+1", "+2", "+3", "+4"].map(gate.waitsUntil)).toEqual([NOW + 1, null, NOW + 6_000, null]);
    gate.pass("+4");
    expect(gate.waitsUntil("+4")).toBe(NOW + 6_000);
    expect(open({}, {}, [["+1", NOW]]).waitsUntil("+1")).toBeNull();
  });
});

test("recipients are noted only for limits that look back at them", () => {
  expect(notesRecipients({ ...NO_LIMITS, rate: RATE })).toBe(false);
  expect(notesRecipients({ ...NO_LIMITS, recipientsPerDay: 250 })).toBe(true);
  expect(notesRecipients({ ...NO_LIMITS, pairMs: 6_000 })).toBe(true);
});
