/** Owns what a webhook of Meta needs to know of its channel, kept for some seconds: Meta calls once or more for every message. */
import { AppError } from "@mini-crm/core/app-error";
import type { CloudSecrets, CloudSettings } from "@mini-crm/core/channel/channel";
import type { Instant } from "@mini-crm/core/instant";
import { openCloudSecrets } from "@mini-crm/runtime/vault";
import type { BackendDeps } from "./deps.ts";

export interface CloudChannel {
  id: string;
  settings: CloudSettings;
  secrets: CloudSecrets;
}

export interface AppChannels {
  channel: CloudChannel;
  /** The other channels of the same app, which is to say with the same app secret. */
  others: CloudChannel[];
}

/** A change of a channel holds for its webhooks after this time at the latest, once the store can be reached. */
const KEPT_MS = 3_000;
const KEPT_UNKNOWN_MS = 250;

/**
 * Returns how to find the Cloud API channel `id`, and beside it the others whose numbers belong to the same app of Meta's; null
 * where there is none. The many calls of one moment read them once.
 */
export function cloudChannels({
  store,
  vault,
  clock,
  log,
}: Pick<BackendDeps, "store" | "vault" | "clock" | "log">): (id: string) => Promise<AppChannels | null> {
  /** `trouble` is why they could not be read again. */
  let kept: { at: Instant; channels: Promise<CloudChannel[]>; trouble: unknown } | null = null;

  const read = async (): Promise<CloudChannel[]> => {
    const found: CloudChannel[] = [];
    for (const channel of await store.channels.list()) {
      if (channel.settings.kind !== "cloud") continue;
      try {
        found.push({ id: channel._id, settings: channel.settings.cloud, secrets: openCloudSecrets(vault, channel) });
      } catch (error) {
        log.error({ err: error, channel: channel._id }, "The secrets of a channel cannot be opened: its webhooks are refused");
      }
    }
    return found;
  };

  /** Those that there are, as they were no longer ago than `atMostMs`. */
  const all = async (atMostMs: number): Promise<CloudChannel[]> => {
    const known = kept;
    if (known !== null && clock.now() < known.at + atMostMs) return known.channels;
    kept = { at: clock.now(), channels: read(), trouble: null };
    try {
      return await kept.channels;
    } catch (error) {
      kept = null;
      if (known === null || !(error instanceof AppError && error.retryable)) throw error;
      // What Meta tells meanwhile is signed as before, and can be kept without the store.
      kept = { at: clock.now(), channels: known.channels, trouble: error };
      return known.channels;
    }
  };

  return async (id) => {
    const isMeant = (one: CloudChannel) => one.id === id;
    let channels = await all(KEPT_MS);
    // One that is not known may be new: asked for however often, that costs few reads.
    if (!channels.some(isMeant)) channels = await all(KEPT_UNKNOWN_MS);
    const channel = channels.find(isMeant);
    if (channel === undefined && kept !== null && kept.trouble !== null) throw kept.trouble;
    if (channel === undefined) return null;
    const { app_secret } = channel.secrets;
    return { channel, others: channels.filter((one) => one !== channel && one.secrets.app_secret === app_secret) };
  };
}
