import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBreaker } from "@mini-crm/core/channel/breaker";
import { defaultChannel } from "@mini-crm/core/channel/channel";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { openEngines } from "@mini-crm/runtime/engines";
import { createLog } from "@mini-crm/runtime/log";
import { openSimulator } from "@mini-crm/runtime/providers";
import { expect, test } from "vitest";
import { watchChannels } from "./channel-watch.ts";
import { openTestEngines } from "./test-engines.ts";
import { unopenedProvider } from "./unopened-provider.ts";

test("a channel that connects, fails, recovers and stops is told each time, once", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "mini-crm-channel-"));
  const { store, close } = await openEngines({ dataDir });
  const clock = virtualClock({
    async settle() {
      for (let round = 0; round < 3; round += 1) {
        await store.activity.note([]);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  });
  const span = { fromMs: 1, toMs: 1 };
  const provider = openSimulator(
    { dataDir, simulator: { seed: 1, latency: span, deliveredAfter: span, readAfter: span } },
    clock,
  );
  const breaker = createBreaker(clock, { failures: 2, firstBackoffMs: 10_000, maxBackoffMs: 10_000 });
  const sender = { channel: () => defaultChannel(0), provider, breaker, limits: () => NO_LIMITS };
  const watch = watchChannels({ store, clock, log: createLog("silent", "test") }, { all: () => [sender] });
  const told = async () => (await store.activity.after(0, 100)).map(({ subject, data }) => ({ subject, ...data }));

  await clock.advance(2_000);
  await provider.start();
  await clock.advance(2_000);
  breaker.failed("cut");
  await clock.advance(2_000); // One failure is none yet.
  breaker.failed("cut again");
  await clock.advance(12_000);
  breaker.succeeded();
  await clock.advance(2_000);
  await provider.stop();
  await watch.close();

  const [first, ...others] = await told();
  expect(first).toMatchObject({ subject: "default", connected: false });
  expect(others).toMatchObject([
    { connected: true, state: "open", breaker: "closed", reason: null },
    { connected: false, state: "open", breaker: "open", reason: "cut again" },
    { connected: false, breaker: "half_open" },
    { connected: true, breaker: "closed", reason: null },
    { connected: false, state: "stopped" },
  ]);
  provider.close();
  await close();
  await rm(dataDir, { recursive: true });
});

test("what only happened while another process had the session is told when this one has it again", async () => {
  const engines = await openTestEngines();
  const { store, clock } = engines.deps;
  const simulated = engines.simulator("default");
  const health = { standsBy: false };
  const provider = { ...simulated, health: () => ({ ...simulated.health(), ...health }) };
  const sender = { channel: () => defaultChannel(0), provider, breaker: createBreaker(clock), limits: () => NO_LIMITS };
  await simulated.start();
  const watch = watchChannels(engines.deps, { all: () => [sender] });
  const told = async () => (await store.activity.after(0, 100)).map(({ kind, data }) => ({ kind, ...data }));

  await clock.advance(2_000);
  expect(await told()).toMatchObject([{ state: "open" }]);
  health.standsBy = true;
  await clock.advance(2_000);
  expect(await told()).toMatchObject([{ state: "open" }]);
  health.standsBy = false;
  await clock.advance(2_000);
  expect(await told()).toMatchObject([{ state: "open" }, { state: "open" }]);
  await watch.close();
  await engines.close();
});

test("what there is to scan is told once, and of a channel made anew everything again", async () => {
  const engines = await openTestEngines();
  const { store, clock } = engines.deps;
  const pairing = { method: "qr" as const, value: "2@abc", expiresAt: clock.now() + 60_000 };
  const unlinked = unopenedProvider("", clock);
  const provider = { ...unlinked, health: () => ({ ...unlinked.health(), state: "awaiting_scan" as const, pairing }) };
  const shop = { channel: () => defaultChannel(0), provider, breaker: createBreaker(clock), limits: () => NO_LIMITS };
  let all = [shop];
  const watch = watchChannels(engines.deps, { all: () => all });
  const told = async () => (await store.activity.after(0, 100)).map(({ kind }) => kind);

  await clock.advance(5_000);
  expect(await told()).toEqual(["channel.state", "channel.pairing"]);
  all = [];
  await clock.advance(1_000);
  all = [{ ...shop }];
  await clock.advance(1_000);
  expect(await told()).toEqual(["channel.state", "channel.pairing", "channel.state", "channel.pairing"]);
  await watch.close();
  await engines.close();
});
