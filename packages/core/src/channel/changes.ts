/** Owns what edits change of a channel, and which may be removed. */
import type { Instant } from "../instant.ts";
import type { ChannelStore } from "../ports/channel-store.ts";
import { type Channel, DEFAULT_CHANNEL_ID } from "./channel.ts";

type ChannelFields = Parameters<ChannelStore["change"]>[1];
type ChannelChange = Awaited<ReturnType<ChannelStore["change"]>>;
type ChannelRemoval = Awaited<ReturnType<ChannelStore["remove"]>>;

/** What becomes of `known` where it is still as of `seenAt` (null: however it is); the caller still has to write what changed. */
export function editedChannel(known: Channel | null, fields: ChannelFields, now: Instant, seenAt: Instant | null): ChannelChange {
  if (known === null) return null;
  if (seenAt !== null && known.updated_at !== seenAt) return { kind: "changed_since", channel: known };
  // Later than before in any case: who looked before this change must be able to tell.
  return { kind: "changed", channel: { ...known, ...fields, updated_at: Math.max(now, known.updated_at + 1) } };
}

/** `removed` where nothing stands against it; `campaigns` are those over the channel that are not finished. */
export function channelRemoval(known: Channel | null, campaigns: string[]): ChannelRemoval {
  if (known === null) return { kind: "not_found" };
  const isNeeded = known._id === DEFAULT_CHANNEL_ID || campaigns.length > 0;
  return isNeeded ? { kind: "in_use", campaigns } : { kind: "removed" };
}
