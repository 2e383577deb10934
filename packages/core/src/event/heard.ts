/** Owns how what WhatsApp tells becomes events: the same whether a connection told it or a webhook. */
import { parsePhone } from "../lead/phone.ts";
import type { InboundText, Receipt } from "../ports/whatsapp-provider.ts";
import type { TopicEvent } from "./topics.ts";

export function receiptEvent({ messageId, status, at, code, reason }: Receipt): TopicEvent<"message.statuses"> {
  return {
    topic: "message.statuses",
    key: messageId,
    value: { version: 1, message_id: messageId, source: "receipt", status, at, code, reason },
  };
}

export function textEvent(channelId: string, inbound: InboundText): TopicEvent<"message.inbound"> {
  const { providerId, userId, name, text, wish, at } = inbound;
  const from = senderOf(inbound);
  return {
    topic: "message.inbound",
    key: from,
    value: { version: 1, provider_id: providerId, channel_id: channelId, from, user_id: userId, name, text, wish, at },
  };
}

/** The one spelling by which leads are known: WhatsApp itself leaves the ninth digit out of some Brazilian numbers. */
function senderOf({ from, userId }: InboundText): string {
  if (from === null) return `user:${userId ?? ""}`;
  const read = parsePhone(from);
  return read.ok ? read.phone : from;
}
