/** Owns how messages to one person are shown: tests and replies. */
import type { DirectMessage } from "@mini-crm/core/message/direct-message";
import type { ReplyJson } from "@mini-crm/wire/direct-message";
import type { TestMessageJson } from "@mini-crm/wire/test-message";
import { iso, isoOrNull } from "./time.ts";

export function testMessageJson(message: DirectMessage): TestMessageJson {
  const { campaign_id, variant } = message;
  if (campaign_id === null || variant === null) throw new Error(`Message ${message._id} is a reply, and no test`);
  return { ...shownOf(message), test: true, campaign_id, variant };
}

export function replyJson(message: DirectMessage): ReplyJson {
  return { ...shownOf(message), media: message.content.media };
}

function shownOf({ campaign_id, variant, content, ...message }: DirectMessage) {
  return {
    ...message,
    text: content.text,
    created_at: iso(message.created_at),
    sending_at: isoOrNull(message.sending_at),
    sent_at: isoOrNull(message.sent_at),
    delivered_at: isoOrNull(message.delivered_at),
    read_at: isoOrNull(message.read_at),
  };
}
