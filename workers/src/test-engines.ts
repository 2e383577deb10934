/** Owns what the workers' tests stand on: the real store in a folder of its own, under a virtual clock. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type VirtualClock, virtualClock } from "@mini-crm/core/ports/virtual-clock";
import { openEngines } from "@mini-crm/runtime/engines";
import { createLog } from "@mini-crm/runtime/log";
import { openSimulator } from "@mini-crm/runtime/providers";
import type { PipelineDeps } from "./deps.ts";

export interface TestEngines {
  deps: PipelineDeps & { clock: VirtualClock };
  /** A simulated WhatsApp, on a file of its own. */
  simulator(name: string): ReturnType<typeof openSimulator>;
  close(): Promise<void>;
}

const AT_ONCE = { fromMs: 1, toMs: 1 };

export async function openTestEngines(): Promise<TestEngines> {
  const dataDir = await mkdtemp(join(tmpdir(), "mini-crm-workers-"));
  const engines = await openEngines({ dataDir });
  const { store, bus } = engines;
  const clock = virtualClock({
    async settle() {
      // A call is answered before those that came behind it; what that sets off asks a few times more.
      for (let round = 0; round < 4; round += 1) {
        await store.activity.note([]);
        await store.ping();
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  });
  const opened: { close(): void }[] = [];
  return {
    deps: { store, bus, clock, log: createLog("silent", "test"), worker: "test" },
    simulator(name) {
      const behaviour = { seed: 1, latency: AT_ONCE, deliveredAfter: AT_ONCE, readAfter: AT_ONCE };
      const simulator = openSimulator({ dataDir, simulator: behaviour }, clock, name);
      opened.push(simulator);
      return simulator;
    },
    async close() {
      for (const simulator of opened) simulator.close();
      await engines.close();
      await rm(dataDir, { recursive: true });
    },
  };
}
