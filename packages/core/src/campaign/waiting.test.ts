import { describe, expect, test } from "vitest";
import type { ChannelSign } from "../channel/channel-sign.ts";
import { NO_LIMITS } from "../channel/limits.ts";
import { draft } from "../contracts/samples.ts";
import { type Campaign, type MessageCounts, noMessages } from "./campaign.ts";
import { NO_OPTIONS } from "./options.ts";
import { type Circumstances, messagesPerMinute, rateText, waitingFor } from "./waiting.ts";

const NOW = Date.UTC(2025, 8, 15, 16, 15);
const HOUR_MS = 3_600_000;
const OPEN: ChannelSign = {
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
  limits: { ...NO_LIMITS, rate: { messages: 30, windowMs: 61_000 } },
  device_id: "d",
  user_name: "u",
};

const counted = (counts: Partial<MessageCounts>): MessageCounts => ({ ...noMessages(), ...counts });
const running = (changes: Partial<Campaign> = {}): Campaign =>
  draft({ status: "RUNNING", expanded: true, expected: 100, counts: counted({ PENDING: 100 }), started_at: NOW, ...changes });

/** A campaign that is being sent, save for `changes`. */
const known = (changes: Partial<Circumstances> = {}): Circumstances => ({
  campaign: running(),
  workersRun: true,
  channel: OPEN,
  use: { used: 0, resetAt: NOW },
  recipientUse: null,
  ready: 100,
  due: null,
  ahead: { messages: 0, campaigns: 0 },
  sentLastMinute: 0,
  receiptWindowMs: 24 * HOUR_MS,
  now: NOW,
  ...changes,
});

const CANARY = { percent: 10, wait_minutes: 30, max_failed_percent: 10, max_opted_out_percent: 2 };
const watched = running({
  options: { ...NO_OPTIONS, canary: CANARY },
  canary_phase: "sending",
  counts: counted({ PENDING: 90, DELIVERED: 10 }),
  last_sent_at: NOW,
});
const hold = { code: "too_many_failed", reason: "3 of 10 messages (30 %) failed, more than 10 %", at: NOW };
const scheduled = draft({ status: "SCHEDULED", scheduled_at: NOW + HOUR_MS, schedule_grace_ms: HOUR_MS });
const reconnecting: ChannelSign = { ...OPEN, state: "reconnecting", connected: false, reason: "WhatsApp cannot be reached." };
const failing: ChannelSign = {
  ...OPEN,
  connected: false,
  reason: "Too many requests",
  breaker: { state: "open", until: NOW + 8_000 },
};
const usedUp = { used: 30, resetAt: NOW + 30_000 };
const quietUntil = { due_at: NOW + 12 * HOUR_MS, code: "quiet_hours", last_due_at: NOW + 13 * HOUR_MS };
const allSent = running({ counts: counted({ SENT: 40, DELIVERED: 60 }), last_sent_at: NOW - HOUR_MS });

describe("a campaign waits for", () => {
  test.each<[what: string, changes: Partial<Circumstances>, kind: string, until: number | null, text: string]>([
    [
      "a person who has paused it",
      { campaign: running({ status: "PAUSED" }) },
      "person",
      null,
      "Waits for a person: it is paused; resume or cancel it",
    ],
    [
      "a person because the autopilot has paused it",
      { campaign: running({ status: "PAUSED", hold }) },
      "person",
      null,
      "Waits for a person: 3 of 10 messages (30 %) failed, more than 10 %",
    ],
    [
      "a person because WhatsApp warns, which keeps its capitals",
      { campaign: running({ status: "PAUSED", hold: { ...hold, reason: "WhatsApp warns this account: slow down" } }) },
      "person",
      null,
      "Waits for a person: WhatsApp warns this account: slow down",
    ],
    [
      "a person because its time was missed",
      { campaign: { ...scheduled, hold: { ...hold, reason: "It was to start at noon" } } },
      "person",
      null,
      "Waits for a person: it was to start at noon",
    ],
    ["its time", { campaign: scheduled }, "schedule", NOW + HOUR_MS, "Waits for its time: starts at 17:15:00Z"],
    [
      "the workers",
      { workersRun: false, channel: null },
      "workers",
      null,
      "Waits for the workers: none is running. `npm start` runs everything, `npm run start` in workers/ them alone",
    ],
    [
      "its audience",
      { campaign: running({ expanded: false, expected: 12_345, counts: noMessages() }), ready: 0 },
      "audience",
      null,
      "Waits for its audience: 12,345 recipients are being written down",
    ],
    [
      "receipts",
      { campaign: allSent, ready: 0 },
      "receipts",
      NOW + 23 * HOUR_MS,
      "Waits for receipts: 40 sent messages not delivered yet; completes at 2025-09-16 15:15:00Z at the latest",
    ],
    [
      "a workers process with its channel",
      { channel: null },
      "connection",
      null,
      "Waits for the connection: no workers process serves the channel default",
    ],
    [
      "a session",
      { channel: reconnecting },
      "connection",
      null,
      "Waits for the connection to WhatsApp: WhatsApp cannot be reached",
    ],
    [
      "the breaker",
      { channel: failing },
      "connection",
      NOW + 8_000,
      "Waits for the connection to WhatsApp: Too many requests; tries again at 16:15:08Z",
    ],
    [
      "its canary",
      { campaign: watched, ready: 90 },
      "canary",
      NOW + HOUR_MS / 2,
      "Waits for what becomes of the first 10: looks at it at 16:45:00Z",
    ],
    [
      "the end of quiet hours",
      { ready: 0, due: quietUntil },
      "quiet_hours",
      quietUntil.due_at,
      "Waits for the end of quiet hours: 100 messages left, goes on at 2025-09-16 04:15:00Z",
    ],
    [
      "a retry",
      { campaign: running({ counts: counted({ PENDING: 1, DELIVERED: 99 }) }), ready: 0, due: { ...quietUntil, code: "131056" } },
      "retry",
      quietUntil.due_at,
      "Waits to try 1 message again: the next at 2025-09-16 04:15:00Z",
    ],
    [
      "older campaigns",
      { ahead: { messages: 4_200, campaigns: 2 } },
      "other_campaigns",
      null,
      "Waits for its turn: 4,200 messages of 2 older campaigns on the same channel go first",
    ],
    [
      "the rate limit",
      { use: usedUp },
      "rate_limit",
      usedUp.resetAt,
      "Waits for the rate limit: 30 messages a minute, goes on at 16:15:30Z",
    ],
    [
      "for tomorrow, because the number has written to as many people as it may in a day",
      {
        channel: { ...OPEN, limits: { ...OPEN.limits, recipientsPerDay: 250 } },
        recipientUse: { recipients: 250, resetAt: NOW + 3 * HOUR_MS },
        use: usedUp,
      },
      "recipients_per_day",
      NOW + 3 * HOUR_MS,
      "Waits for the number's limit of 250 people in 24 hours: goes on at 19:15:00Z",
    ],
  ])("%s", (_what, changes, kind, until, text) => {
    expect(waitingFor(known(changes))).toEqual({ kind, until, text });
  });
});

describe("a campaign waits for nothing", () => {
  test.each<[what: string, changes: Partial<Circumstances>]>([
    ["while it sends", {}],
    ["while its messages are on the wire", { campaign: running({ counts: counted({ SENDING: 5, DELIVERED: 95 }) }), ready: 0 }],
    ["while its audience is written down and goes out already", { campaign: running({ expanded: false }) }],
    ["where the channel has no limit", { channel: { ...OPEN, limits: NO_LIMITS }, use: null }],
    ["where the limit has room again", { use: { used: 30, resetAt: NOW } }],
    ["where some messages wait and others can go", { due: quietUntil, ready: 1 }],
    ["where what waited is due", { ready: 0, due: { ...quietUntil, due_at: NOW } }],
    ["while older campaigns and it take turns", { ahead: { messages: 10, campaigns: 1 }, sentLastMinute: 3 }],
    ["while its canary is being sent", { campaign: { ...watched, counts: counted({ PENDING: 95, SENT: 5 }) } }],
    ["while the last of its canary are on the wire", { campaign: { ...watched, counts: counted({ PENDING: 90, SENDING: 10 }) } }],
    ["once its canary has passed", { campaign: { ...watched, canary_phase: "passed" } }],
    ["where a trial may go", { channel: { ...failing, breaker: { state: "half_open", until: null } } }],
    ["when the last receipt has come", { campaign: running({ counts: counted({ DELIVERED: 100 }) }), ready: 0 }],
    ["as a DRAFT", { campaign: draft(), workersRun: false, channel: null }],
    ["when it has COMPLETED", { campaign: { ...allSent, status: "COMPLETED" }, workersRun: false }],
    ["when it was CANCELLED", { campaign: running({ status: "CANCELLED" }) }],
  ])("%s", (_what, changes) => {
    expect(waitingFor(known(changes))).toBeNull();
  });
});

describe("of several reasons", () => {
  const everything: Partial<Circumstances> = {
    workersRun: false,
    channel: failing,
    use: usedUp,
    ahead: { messages: 9, campaigns: 1 },
  };
  test.each<[first: string, changes: Partial<Circumstances>]>([
    ["person", { ...everything, campaign: running({ status: "PAUSED", hold }) }],
    ["schedule", { ...everything, campaign: scheduled }],
    ["workers", { ...everything, campaign: { ...scheduled, scheduled_at: NOW } }],
    ["workers", { ...everything, campaign: allSent, ready: 0 }],
    ["workers", { ...everything, campaign: running({ expanded: false, counts: noMessages() }), ready: 0 }],
    ["audience", { ...everything, workersRun: true, campaign: running({ expanded: false, counts: noMessages() }), ready: 0 }],
    ["receipts", { ...everything, workersRun: true, campaign: allSent, ready: 0 }],
    ["connection", { ...everything, workersRun: true, campaign: watched }],
    ["connection", { ...everything, workersRun: true, ready: 0, due: quietUntil }],
    ["canary", { use: usedUp, ahead: { messages: 9, campaigns: 1 }, campaign: watched, ready: 90 }],
    ["quiet_hours", { use: usedUp, ahead: { messages: 9, campaigns: 1 }, ready: 0, due: quietUntil }],
    ["other_campaigns", { use: usedUp, ahead: { messages: 9, campaigns: 1 } }],
    ["rate_limit", { use: usedUp, ahead: { messages: 9, campaigns: 1 }, sentLastMinute: 30 }],
  ])("%s comes first", (first, changes) => {
    expect(waitingFor(known(changes))?.kind).toBe(first);
  });
});

test("a limit is told in words", () => {
  expect(rateText({ messages: 30, windowMs: 61_000 })).toBe("30 messages a minute");
  expect(rateText({ messages: 1, windowMs: 60_000 })).toBe("1 message a minute");
  expect(rateText({ messages: 1_000, windowMs: 10_000 })).toBe("1,000 messages in any 10 s");
});

test("a limit by the minute is the number that was set; others have one decimal", () => {
  expect(messagesPerMinute({ messages: 30, windowMs: 61_000 })).toBe(30);
  expect(messagesPerMinute({ messages: 30, windowMs: 60_000 })).toBe(30);
  expect(messagesPerMinute({ messages: 10, windowMs: 7_000 })).toBe(85.7);
});
