import { type Channel, defaultChannel } from "@mini-crm/core/channel/channel";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import type { ProviderHealth } from "@mini-crm/core/ports/whatsapp-provider";
import { expect, test } from "vitest";
import { createSender } from "./sender.ts";
import { unopenedProvider } from "./unopened-provider.ts";

const WEB: Channel["settings"] = { kind: "web", web: { pause_seconds: { from: 10, to: 20 }, warm_up: false } };

function senderOf(settings: Channel["settings"]) {
  const clock = virtualClock();
  const health = { state: "open" as ProviderHealth["state"], since: clock.now(), standsBy: false };
  const unopened = unopenedProvider("", clock);
  const provider = { ...unopened, health: () => ({ ...unopened.health(), ...health }) };
  const access = { limitsOf: ({ messages_per_minute }: Channel) => limitsOfMinute(messages_per_minute) };
  const channel = { ...defaultChannel(0), settings };
  return { clock, health, channel, sender: createSender(channel, provider, { clock, access }) };
}

function limitsOfMinute(messages: number | null) {
  return { ...NO_LIMITS, rate: messages === null ? null : { messages, windowMs: 60_000 } };
}

test("a channel that behaves like a person sends one message at a time, and rests after each", async () => {
  const { clock, sender } = senderOf(WEB);
  await clock.advance(20_000);
  expect(sender.permits()).toBe(1);
  sender.sent();
  expect(sender.permits()).toBe(0);
  const restMs = sender.until() - clock.now();
  expect(restMs).toBeGreaterThanOrEqual(10_000);
  expect(restMs).toBeLessThanOrEqual(20_000);
  await clock.advance(restMs);
  expect(sender.permits()).toBe(1);
});

test("it also rests when its connection has just opened: nobody knows when another process last sent", async () => {
  const { clock, health, sender } = senderOf(WEB);
  expect(sender.permits()).toBe(0);
  await clock.advance(20_000);
  expect(sender.permits()).toBe(1);
  Object.assign(health, { state: "stopped", since: clock.now(), standsBy: true });
  expect(sender.permits()).toBe(1); // Asking it to send is what asks for the session.
  Object.assign(health, { state: "open", since: clock.now(), standsBy: false });
  expect(sender.permits()).toBe(0);
});

test("a linked device that is not connected is not asked, and goes on as soon as it is", async () => {
  const { clock, health, sender } = senderOf(WEB);
  await clock.advance(20_000);
  Object.assign(health, { state: "replaced", since: clock.now() });
  expect(sender.permits()).toBe(0);
  expect(sender.until()).toBeGreaterThan(clock.now());
  sender.breaker.unconnected("Another program uses it");
  await clock.advance(3_600_000);
  Object.assign(health, { state: "open", since: clock.now() });
  expect(sender.breaker.state()).toMatchObject({ state: "closed", failures: 0 });
  await clock.advance(20_000);
  expect(sender.permits()).toBe(1);
});

test("any other channel sends as many as its breaker lets, without rest", async () => {
  const { clock, sender } = senderOf({ kind: "simulator" });
  sender.sent();
  expect(sender.permits()).toBe(Number.POSITIVE_INFINITY);
  sender.breaker.failed("too fast", 5_000);
  expect([sender.permits(), sender.until()]).toEqual([0, clock.now() + 5_000]);
  await clock.advance(5_000);
  expect(sender.permits()).toBe(1);
});

test("what is changed of a channel holds from then on", () => {
  const { channel, sender } = senderOf({ kind: "simulator" });
  expect(sender.limits().rate).toBeNull();
  sender.know({ ...channel, name: "Shop", messages_per_minute: 7 });
  expect(sender.channel().name).toBe("Shop");
  expect(sender.limits().rate).toEqual({ messages: 7, windowMs: 60_000 });
});
