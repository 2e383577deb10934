import { describe, expect, test } from "vitest";
import type { ChannelSign } from "../channel/channel-sign.ts";
import { NO_LIMITS } from "../channel/limits.ts";
import { draft } from "../contracts/samples.ts";
import { type Campaign, noMessages } from "./campaign.ts";
import { estimatedDoneAt, forecastEnd, type Outlook } from "./forecast.ts";
import { NO_OPTIONS } from "./options.ts";
import type { Circumstances } from "./waiting.ts";

const NOW = Date.UTC(2025, 0, 15, 12);
const THIRTY = { messages: 30, windowMs: 60_000 };
const outlook = (changes: Partial<Outlook>): Outlook => ({
  pending: 100,
  ahead: 0,
  rate: THIRTY,
  measuredPerMinute: null,
  quietUntil: null,
  now: NOW,
  ...changes,
});
const secondsUntilEnd = (changes: Partial<Outlook>) => {
  const end = forecastEnd(outlook(changes));
  return end === null ? null : (end - NOW) / 1_000;
};

describe("with a limit of 30 a minute", () => {
  test.each([
    ["one goes at once", { pending: 1 }, 0],
    ["thirty go at once", { pending: 30 }, 0],
    ["the thirty-first waits for a minute", { pending: 31 }, 60],
    ["sixty take as long", { pending: 60 }, 60],
    ["a hundred wait three times", { pending: 100 }, 180],
    ["those of others go first", { pending: 1, ahead: 60 }, 120],
    ["a limit that is used up makes them wait until it has room", { pending: 30, use: { used: 30, resetAt: NOW + 20_000 } }, 20],
    ["what is left of a limit goes at once", { pending: 10, use: { used: 20, resetAt: NOW + 20_000 } }, 0],
    ["and the rest when it has room", { pending: 41, use: { used: 20, resetAt: NOW + 20_000 } }, 80],
    ["quiet hours come before", { pending: 31, quietUntil: NOW + 3_600_000 }, 3_660],
    [
      "what was used before them no longer counts",
      { quietUntil: NOW + 3_600_000, use: { used: 30, resetAt: NOW + 20_000 } },
      3_780,
    ],
    ["quiet hours that are over change nothing", { pending: 31, quietUntil: NOW - 1 }, 60],
    ["how fast it went of late changes nothing", { pending: 60, measuredPerMinute: 1 }, 60],
  ] as const)("%s", (_what, changes, seconds) => {
    expect(secondsUntilEnd(changes)).toBe(seconds);
  });
});

describe("without a limit", () => {
  test("what went out of late says how fast it goes", () => {
    expect(secondsUntilEnd({ rate: null, measuredPerMinute: 50 })).toBe(120);
    expect(secondsUntilEnd({ rate: null, measuredPerMinute: 50, ahead: 50, quietUntil: NOW + 60_000 })).toBe(240);
  });

  test("and where nothing went out, nothing can be said", () => {
    expect(secondsUntilEnd({ rate: null, measuredPerMinute: null })).toBeNull();
    expect(secondsUntilEnd({ rate: null, measuredPerMinute: 0 })).toBeNull();
  });
});

test("where nothing is left to send, there is nothing to forecast", () => {
  expect(secondsUntilEnd({ pending: 0 })).toBeNull();
});

describe("through quiet hours", () => {
  // It is noon, and from 21:00 to 08:00 nothing goes out.
  const quietHours = { from: "21:00", to: "08:00", timezone: "UTC" };
  const HOUR_S = 3_600;
  test.each([
    ["it is done before they begin", { pending: 30 * 60 * 9 }, 9 * HOUR_S - 60],
    ["it goes on in the morning", { pending: 30 * 60 * 10 }, 21 * HOUR_S - 60],
    ["as many nights as it takes", { pending: 30 * 60 * 30 }, 30 * HOUR_S + 2 * 11 * HOUR_S - 60],
    ["it begins in the morning where they hold", { pending: 30, quietUntil: NOW + 10 * HOUR_S * 1_000 }, 20 * HOUR_S],
  ])("%s", (_what, changes, seconds) => {
    expect(secondsUntilEnd({ ...changes, quietHours })).toBe(seconds);
  });
});

describe("a campaign", () => {
  const CHANNEL: ChannelSign = {
    id: "default",
    state: "open",
    connected: true,
    stands_by: false,
    until: null,
    pairing: null,
    since: NOW,
    reason: null,
    warning: null,
    breaker: { state: "closed", until: null },
    limits: { ...NO_LIMITS, rate: THIRTY },
    device_id: "d",
    user_name: "u",
  };
  const running = (changes: Partial<Campaign> = {}): Campaign =>
    draft({
      status: "RUNNING",
      expected: 100,
      expanded: true,
      counts: { ...noMessages(), PENDING: 100 },
      started_at: NOW - 600_000,
      ...changes,
    });
  const known = (changes: Partial<Circumstances>): Circumstances => ({
    campaign: running(),
    workersRun: true,
    channel: CHANNEL,
    use: { used: 0, resetAt: NOW + 60_000 },
    recipientUse: null,
    ready: 100,
    due: null,
    ahead: { messages: 0, campaigns: 0 },
    sentLastMinute: 0,
    receiptWindowMs: 86_400_000,
    now: NOW,
    ...changes,
  });
  const CANARY = { percent: 10, wait_minutes: 30, max_failed_percent: 10, max_opted_out_percent: 2 };
  const withCanary = { ...NO_OPTIONS, canary: CANARY };
  const unlimited = { ...CHANNEL, limits: NO_LIMITS };

  test.each<[what: string, changes: Partial<Circumstances>, seconds: number]>([
    ["ends when its last message has gone out", {}, 180],
    ["also of those that have no row yet", { campaign: running({ expanded: false, expected: 160 }) }, 300],
    [
      "has those on the wire behind it",
      { campaign: running({ counts: { ...noMessages(), PENDING: 70, SENDING: 30 } }), use: { used: 30, resetAt: NOW + 60_000 } },
      180,
    ],
    ["ends after those before it", { ahead: { messages: 60, campaigns: 1 } }, 300],
    ["ends with the last of those that wait", { due: { due_at: NOW + 1, code: "131056", last_due_at: NOW + 900_000 } }, 900],
    [
      "begins when the first of those that wait may go",
      { ready: 0, due: { due_at: NOW + 900_000, code: "quiet_hours", last_due_at: NOW + 900_000 } },
      1_080,
    ],
    ["ends when it expires", { campaign: running({ options: { ...NO_OPTIONS, expires_at: NOW + 100_000 } }) }, 100],
    ["begins at its time", { campaign: draft({ status: "SCHEDULED", scheduled_at: NOW + 60_000, expected: 31 }) }, 120],
    ["goes as fast as it went, without a limit", { channel: unlimited, use: null, sentLastMinute: 50 }, 120],
    [
      "goes as fast as since its start",
      { channel: unlimited, use: null, sentLastMinute: 50, campaign: running({ started_at: NOW - 6_000 }) },
      12,
    ],
    ["waits for its canary", { campaign: running({ options: withCanary, canary_phase: "sending" }) }, 1_920],
    [
      "waits for its canary from the last of it",
      {
        campaign: running({
          options: withCanary,
          canary_phase: "sending",
          counts: { ...noMessages(), PENDING: 90, SENT: 10 },
          last_sent_at: NOW - 600_000,
        }),
      },
      1_320,
    ],
    [
      "waits for its canary when it is scheduled",
      { campaign: draft({ status: "SCHEDULED", scheduled_at: NOW + 60_000, expected: 100, options: withCanary }) },
      1_980,
    ],
  ])("%s", (_what, changes, seconds) => {
    expect(((estimatedDoneAt(known(changes)) ?? 0) - NOW) / 1_000).toBe(seconds);
  });

  test.each<[what: string, changes: Partial<Circumstances>]>([
    ["is a DRAFT", { campaign: draft({ expected: 10 }) }],
    ["is paused", { campaign: running({ status: "PAUSED" }) }],
    ["waits for a person", { campaign: draft({ status: "SCHEDULED", hold: { code: "x", reason: "x", at: NOW } }) }],
    ["has no channel", { channel: null }],
    ["is not connected", { channel: { ...CHANNEL, connected: false } }],
    ["has no limit and has sent nothing", { channel: unlimited, use: null }],
    ["has nothing left to send", { campaign: running({ counts: { ...noMessages(), SENT: 100 } }), ready: 0 }],
  ])("that %s has no end that could be told", (_what, changes) => {
    expect(estimatedDoneAt(known(changes))).toBeNull();
  });
});
