/** Owns what a webhook of Meta needs to know of its channel, kept for some seconds: Meta calls once or more for every message. */
import { AppError } from "@mini-crm/core/app-error";
import type { CloudSecrets, CloudSettings } from "@mini-crm/core/channel/channel";
import type { Instant } from "@mini-crm/core/instant";
import { openCloudSecrets } from "@mini-crm/runtime/vault";
import type { BackendDeps } from "./deps.ts";

export interface CloudChannel {
  settings: CloudSettings;
  secrets: CloudSecrets;
}

/** A change of a channel holds for its webhooks after this time at the latest, once the store can be reached. */
const KEPT_MS = 3_000;

/** Returns how to find the Cloud API channel `id`, null where there is none: the many calls of one moment read it once. */
export function cloudChannels({
  store,
  vault,
  clock,
}: Pick<BackendDeps, "store" | "vault" | "clock">): (id: string) => Promise<CloudChannel | null> {
  const kept = new Map<string, { until: Instant; channel: Promise<CloudChannel | null> }>();

  const read = async (id: string): Promise<CloudChannel | null> => {
    const channel = await store.channels.read(id);
    if (channel?.settings.kind !== "cloud") return null;
    return { settings: channel.settings.cloud, secrets: openCloudSecrets(vault, channel) };
  };

  return async (id) => {
    const known = kept.get(id);
    if (known !== undefined && clock.now() < known.until) return known.channel;
    const entry = { until: clock.now() + KEPT_MS, channel: read(id) };
    kept.set(id, entry);
    try {
      const channel = await entry.channel;
      // Only of channels that there are: anybody may call with any identifier.
      if (channel === null) kept.delete(id);
      return channel;
    } catch (error) {
      kept.delete(id);
      if (known === undefined || !(error instanceof AppError && error.retryable)) throw error;
      // What Meta tells meanwhile is signed as before, and can be kept without the store.
      kept.set(id, { until: clock.now() + KEPT_MS, channel: known.channel });
      return known.channel;
    }
  };
}
