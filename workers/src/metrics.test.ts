import { defaultChannel } from "@mini-crm/core/channel/channel";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { afterEach, beforeEach, expect, test } from "vitest";
import { metricsOf } from "./metrics.ts";
import { DEFAULT_TIMING, startWorkers, type Workers } from "./start-workers.ts";
import { openTestEngines, type TestEngines } from "./test-engines.ts";

let engines: TestEngines;
let workers: Workers;

beforeEach(async () => {
  engines = await openTestEngines();
  const { deps } = engines;
  const settings = { kind: "web", web: { pause_seconds: { from: 0, to: 0 }, warm_up: false } } as const;
  await deps.store.channels.create({ ...defaultChannel(deps.clock.now()), _id: "broken", settings });
  const access = {
    async open({ _id }: { _id: string }) {
      const simulated = engines.simulator(_id);
      if (_id === "default") return simulated;
      return { ...simulated, health: () => ({ ...simulated.health(), state: "logged_out" as const, since: 5_000 }) };
    },
    limitsOf: () => NO_LIMITS,
  };
  workers = await startWorkers(deps, access, { ...DEFAULT_TIMING, receiptWindowMs: 0 });
});
afterEach(async () => {
  await workers.close();
  await engines.close();
});

test("every channel tells its one state, whether it sends and whether a person must act, and every stage what it has not done", async () => {
  const { store, bus } = engines.deps;
  const { contentType, text } = await metricsOf({ store, bus, workers });
  expect(contentType).toContain("text/plain");
  const lines = text.split("\n");
  const states = lines.filter((line) => line.startsWith("minicrm_channel_state{") && line.endsWith(" 1"));
  expect(states).toEqual([
    'minicrm_channel_state{channel="default",state="open"} 1',
    'minicrm_channel_state{channel="broken",state="logged_out"} 1',
  ]);
  expect(lines).toEqual(
    expect.arrayContaining([
      'minicrm_channel_connected{channel="default"} 1',
      'minicrm_channel_connected{channel="broken"} 0',
      'minicrm_channel_needs_person{channel="default"} 0',
      'minicrm_channel_needs_person{channel="broken"} 1',
      'minicrm_channel_since_seconds{channel="broken"} 5',
      'minicrm_channel_messages_waiting{channel="default"} 0',
      'minicrm_process_sends_total{outcome="sent"} 0',
      'minicrm_event_lag{topic="campaign.messages",group="send-worker"} 0',
    ]),
  );
});
