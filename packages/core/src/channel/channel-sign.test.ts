import { expect, test } from "vitest";
import { type ChannelSign, channelAmong } from "./channel-sign.ts";
import { NO_LIMITS } from "./limits.ts";

const sign = (changes: Partial<ChannelSign> = {}): ChannelSign => ({
  id: "default",
  state: "open",
  connected: true,
  stands_by: false,
  until: null,
  pairing: null,
  since: 0,
  reason: null,
  warning: null,
  breaker: { state: "closed", until: null },
  limits: NO_LIMITS,
  device_id: "d",
  user_name: "u",
  ...changes,
});

test("of several processes the one that has just failed is heard, then any that is connected", () => {
  const connected = sign();
  const standsBy = sign({ state: "reconnecting", connected: false });
  const triedLongAgo = sign({ connected: false, breaker: { state: "half_open", until: null } });
  const failing = sign({ connected: false, breaker: { state: "open", until: 5 } });
  expect(channelAmong([standsBy, connected, triedLongAgo, failing], "default")).toBe(failing);
  expect(channelAmong([standsBy, triedLongAgo, connected], "default")).toBe(connected);
  expect(channelAmong([standsBy], "default")).toBe(standsBy);
});

test("of a channel that nobody serves nothing is known", () => {
  expect(channelAmong([sign({ id: "other" })], "default")).toBeNull();
  expect(channelAmong([], "default")).toBeNull();
});
