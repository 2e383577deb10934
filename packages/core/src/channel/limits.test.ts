import { expect, test } from "vitest";
import { type Channel, defaultChannel } from "./channel.ts";
import { limitsOf } from "./limits.ts";

const DAY_MS = 86_400_000;
const OURS = { perMinute: 30, recipientsPerDay: null };
const CLOUD: Channel["settings"] = {
  kind: "cloud",
  cloud: { phone_number_id: "1", business_account_id: "2", base_url: "https://graph.facebook.com", api_version: "v23.0" },
};
const web = (warm_up: boolean): Channel["settings"] => ({ kind: "web", web: { pause_seconds: { from: 5, to: 30 }, warm_up } });
const channel = (changes: Partial<Channel>): Channel => ({ ...defaultChannel(0), ...changes });

test("without a limit of its own, a channel has what is configured for all, in any minute and a second", () => {
  expect(limitsOf(channel({}), OURS, 0)).toEqual({
    rate: { messages: 30, windowMs: 61_000 },
    recipientsPerDay: null,
    pairMs: null,
  });
  expect(limitsOf(channel({}), { ...OURS, perMinute: 0 }, 0).rate).toBeNull();
  expect(limitsOf(channel({ messages_per_minute: 10 }), OURS, 0).rate?.messages).toBe(10);
});

test("the Cloud API counts by the second above one a second, has the account's people in a day, and minds each recipient", () => {
  const cloud = channel({ settings: CLOUD, messages_per_minute: 4_800 });
  expect(limitsOf(cloud, { ...OURS, recipientsPerDay: 250 }, 0)).toEqual({
    rate: { messages: 80, windowMs: 1_000 },
    recipientsPerDay: 250,
    pairMs: 6_000,
  });
  expect(limitsOf(channel({ settings: CLOUD }), OURS, 0).rate).toEqual({ messages: 30, windowMs: 61_000 });
});

test("the Cloud API is never without a limit: Meta has one", () => {
  expect(limitsOf(channel({ settings: CLOUD }), { ...OURS, perMinute: 0 }, 0).rate).toEqual({ messages: 80, windowMs: 1_000 });
});

test("a linked device never sends faster than a person could, whatever is configured", () => {
  const fast = { ...OURS, perMinute: 1_000 };
  expect(limitsOf(channel({ settings: web(false) }), fast, 0).rate).toEqual({ messages: 20, windowMs: 61_000 });
  expect(limitsOf(channel({ settings: web(false), messages_per_minute: 5 }), fast, 0).rate?.messages).toBe(5);
  expect(limitsOf(channel({ settings: web(false) }), { ...OURS, perMinute: 0 }, 0).rate?.messages).toBe(20);
});

test("a young linked device writes to few people, and to more from day to day", () => {
  const young = channel({ settings: web(true), paired_at: 0 });
  const people = (day: number) => limitsOf(young, OURS, day * DAY_MS).recipientsPerDay;
  expect(people(0)).toBe(20);
  expect(people(5)).toBeGreaterThan(people(1) ?? 0);
  expect(people(30)).toBeNull();
  expect(limitsOf(channel({ settings: web(false), paired_at: 0 }), OURS, 0).recipientsPerDay).toBeNull();
});

test("what is set for a minute is what a minute gets, also where it is counted by the second", () => {
  for (const messages_per_minute of [61, 100, 119, 1_000, 4_801, 60_000]) {
    const { rate } = limitsOf(channel({ settings: CLOUD, messages_per_minute }), OURS, 0);
    if (rate === null) throw new Error("The Cloud API has a limit");
    const perMinute = (rate.messages / rate.windowMs) * 60_000;
    expect(perMinute).toBeLessThanOrEqual(messages_per_minute);
    expect(perMinute).toBeGreaterThan(messages_per_minute * 0.999);
    expect(rate.windowMs).toBeLessThan(2_000);
  }
});
