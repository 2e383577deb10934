/** Owns how a message's row is read. */
import { variantOf } from "@mini-crm/core/campaign/variant";
import { type Message, type MessageStatus, messageId } from "@mini-crm/core/message/message";
import { number, numberOrNull, type Row, text, textOrNull } from "./connection.ts";

export const SELECT_MESSAGE = `SELECT m.*, t.text AS text FROM message AS m
  LEFT JOIN message_text AS t ON t.campaign_id = m.campaign_id AND t.lead_id = m.lead_id`;

/** `variants` are the frozen texts of the message's campaign. */
export function messageOf(row: Row, variants: Parameters<typeof variantOf>[0]): Message {
  const retryable = numberOrNull(row, "retryable");
  const id = messageId(text(row, "campaign_id"), text(row, "lead_id"));
  return {
    _id: id,
    campaign_id: text(row, "campaign_id"),
    lead_id: text(row, "lead_id"),
    status: text(row, "status") as MessageStatus,
    phone: textOrNull(row, "phone"),
    attempt: number(row, "attempt"),
    variant: variantOf(variants, id),
    due_at: numberOrNull(row, "due_at"),
    text: textOrNull(row, "text"),
    provider_id: textOrNull(row, "provider_id"),
    code: textOrNull(row, "code"),
    reason: textOrNull(row, "reason"),
    retryable: retryable === null ? null : retryable === 1,
    created_at: number(row, "created_at"),
    sending_at: numberOrNull(row, "sending_at"),
    sent_at: numberOrNull(row, "sent_at"),
    delivered_at: numberOrNull(row, "delivered_at"),
    read_at: numberOrNull(row, "read_at"),
    settled_at: numberOrNull(row, "settled_at"),
    replied_at: numberOrNull(row, "replied_at"),
    opted_out_at: numberOrNull(row, "opted_out_at"),
  };
}
