import { createBreaker } from "@mini-crm/core/channel/breaker";
import { defaultChannel } from "@mini-crm/core/channel/channel";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import type { ProviderHealth } from "@mini-crm/core/ports/whatsapp-provider";
import { expect, test } from "vitest";
import { channelSignOf } from "./channel-sign.ts";
import { unopenedProvider } from "./unopened-provider.ts";

const RATE = { messages: 30, windowMs: 61_000 };

function sending(health: Partial<ProviderHealth> = {}) {
  const clock = virtualClock({ start: 1_000 });
  const known: ProviderHealth = {
    state: "open",
    since: 0,
    reason: null,
    until: null,
    pairing: null,
    warning: null,
    standsBy: false,
    deviceId: "d",
    userName: "u",
    recipientsPerDay: null,
    ...health,
  };
  const breaker = createBreaker(clock, { failures: 1, firstBackoffMs: 1_000, maxBackoffMs: 1_000 });
  const provider = { ...unopenedProvider("", clock), health: () => known };
  const limits = () => ({ ...NO_LIMITS, rate: RATE });
  return { clock, channel: () => ({ ...defaultChannel(0), _id: "main" }), provider, limits, breaker };
}

test("a channel whose next message would be sent is connected, whatever is noted besides", () => {
  expect(channelSignOf(sending({ reason: "Receipts are late", warning: "Low quality" }))).toEqual({
    id: "main",
    state: "open",
    connected: true,
    stands_by: false,
    since: 1_000,
    reason: null,
    until: null,
    pairing: null,
    warning: "Low quality",
    breaker: { state: "closed", until: null },
    limits: { ...NO_LIMITS, rate: RATE },
    device_id: "d",
    user_name: "u",
  });
});

test("one whose breaker has opened is not, until a trial succeeds", async () => {
  const { clock, ...sender } = sending();
  sender.breaker.failed("Too many requests");
  const until = sender.breaker.until();
  expect(channelSignOf(sender)).toMatchObject({
    state: "open",
    connected: false,
    reason: "Too many requests",
    breaker: { state: "open", until },
  });
  await clock.advance(until - clock.now());
  expect(channelSignOf(sender)).toMatchObject({
    connected: false,
    since: until,
    reason: "Too many requests",
    breaker: { state: "half_open", until: null },
  });
  sender.breaker.succeeded();
  expect(channelSignOf(sender)).toMatchObject({ connected: true, reason: null });
});

test("one whose session is not open says why, or at least what it is", () => {
  expect(channelSignOf(sending({ state: "reconnecting", since: 500, reason: "No network" }))).toMatchObject({
    connected: false,
    since: 500,
    reason: "No network",
  });
  expect(channelSignOf(sending({ state: "banned" }))).toMatchObject({ connected: false, reason: "The connection is banned" });
});
