/** Owns what workers say of a channel as tests of the backend need it, without workers. */
import type { ChannelSign } from "@mini-crm/core/channel/channel-sign";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import type { TestBackend } from "./test-backend.ts";

/** Signs as a living workers process that serves one channel, which is connected save for what `changes` says. */
export async function signOfLife({ store, clock }: TestBackend, changes: Partial<ChannelSign> = {}): Promise<void> {
  const channel: ChannelSign = {
    id: "default",
    state: "open",
    connected: true,
    since: 0,
    reason: null,
    until: null,
    pairing: null,
    warning: null,
    breaker: { state: "closed", until: null },
    stands_by: false,
    limits: NO_LIMITS,
    device_id: "device",
    user_name: "Shop",
    ...changes,
  };
  const detail = { stages: { sendWorker: "running" }, channels: [channel] };
  await store.processes.sign({ _id: "w1", role: "workers", seen_at: clock.now(), detail });
}
