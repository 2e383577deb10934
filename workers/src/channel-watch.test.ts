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
