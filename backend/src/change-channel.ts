/** Owns how a channel is changed beside others who change it: what was read is written only where it is still so. */
import type { Channel } from "@mini-crm/core/channel/channel";
import type { ChannelStore } from "@mini-crm/core/ports/channel-store";
import type { BackendDeps } from "./deps.ts";
import { channelWith, conflict, notFound } from "./refusals.ts";

const TRIES = 5;

interface Edited<T> {
  fields: Parameters<ChannelStore["change"]>[1];
  made: T;
}

/** Changes the channel `id` as `edit` says, which is asked again where somebody else was faster, and may refuse. */
export async function changeChannel<T>(
  { store, clock }: Pick<BackendDeps, "store" | "clock">,
  id: string,
  edit: (known: Channel) => Edited<T> | Promise<Edited<T>>,
): Promise<{ channel: Channel; made: T }> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const known = await channelWith(store, id);
    const { fields, made } = await edit(known);
    const change = await store.channels.change(id, fields, clock.now(), known.updated_at);
    if (change === null) throw notFound("Channel", id);
    if (change.kind === "changed") return { channel: change.channel, made };
  }
  throw conflict("CHANNEL_CHANGED", "Somebody else keeps changing the channel", "Read it again, and try once more");
}
