/** Owns how a message is shown. */
import type { FrozenVariant } from "@mini-crm/core/campaign/campaign";
import { variantName } from "@mini-crm/core/campaign/variant";
import type { Message, MessageEvent } from "@mini-crm/core/message/message";
import type { MessageEventJson, MessageJson } from "@mini-crm/wire/message";
import { iso, isoOrNull } from "./time.ts";

/** `variants` are the texts of its campaign. */
export function messageJson(message: Message, variants: readonly FrozenVariant[]): MessageJson {
  return {
    ...message,
    variant: variantName(variants, message.variant),
    due_at: isoOrNull(message.due_at),
    created_at: iso(message.created_at),
    sending_at: isoOrNull(message.sending_at),
    sent_at: isoOrNull(message.sent_at),
    delivered_at: isoOrNull(message.delivered_at),
    read_at: isoOrNull(message.read_at),
    settled_at: isoOrNull(message.settled_at),
    replied_at: isoOrNull(message.replied_at),
    opted_out_at: isoOrNull(message.opted_out_at),
  };
}

export function messageEventJson(event: MessageEvent): MessageEventJson {
  return { ...event, at: iso(event.at) };
}
