/** Owns the refusals that several routes give, in the words that callers know. */
import type { Channel } from "@mini-crm/core/channel/channel";
import type { Store } from "@mini-crm/core/ports/store";
import { clip } from "@mini-crm/core/text";
import { Refusal } from "@mini-crm/runtime/http/refusal";

type Noun = "Lead" | "Segment" | "Campaign" | "Channel" | "Message" | "Webhook" | "Delivery";

export function notFound(noun: Noun, id: string): Refusal {
  return new Refusal({
    status: 404,
    code: `${noun.toUpperCase()}_NOT_FOUND`,
    message: `${noun} not found`,
    details: `${noun} with ID ${clip(id)} does not exist`,
  });
}

/** What is in the way of a change, for the caller to move first. */
export function conflict(code: string, message: string, details: string): Refusal {
  return new Refusal({ status: 409, code, message, details });
}

/** A campaign's channel cannot send what it holds. */
export function channelRefused(reason: string): Refusal {
  return conflict("CHANNEL_REFUSED", "The campaign's channel cannot send it", reason);
}

/** The channel with this identifier; refuses where there is none. */
export async function channelWith({ channels }: Pick<Store, "channels">, id: string): Promise<Channel> {
  const channel = await channels.read(id);
  if (channel === null) throw notFound("Channel", id);
  return channel;
}
