/** Owns how a message's document is read. */
import { variantOf } from "@mini-crm/core/campaign/variant";
import type { Message } from "@mini-crm/core/message/message";
import type { MessageDocument } from "./documents.ts";

/** `variants` are the frozen texts of the message's campaign. */
export function messageOf(document: MessageDocument, variants: Parameters<typeof variantOf>[0]): Message {
  const { tries_from, worker, events, ...known } = document;
  return { ...NOT_YET, ...known, variant: variantOf(variants, document._id) };
}

const NOT_YET = {
  due_at: null,
  text: null,
  provider_id: null,
  code: null,
  reason: null,
  retryable: null,
  sending_at: null,
  sent_at: null,
  delivered_at: null,
  read_at: null,
  settled_at: null,
  replied_at: null,
  opted_out_at: null,
};
