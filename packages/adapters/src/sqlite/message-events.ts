/** Owns what is noted of messages besides their rows: refusals, lost answers and tries by hand. */
import type { MessageKey } from "@mini-crm/core/event/raised";
import * as history from "@mini-crm/core/message/history";
import { type MessageEvent, parseMessageId } from "@mini-crm/core/message/message";
import { type Connection, number, text, textOrNull } from "./connection.ts";
import { messageOf, SELECT_MESSAGE } from "./message-rows.ts";

/** Writes down what a message's row will not keep. The caller holds the transaction. */
export function noteMessageEvent(
  connection: Connection,
  key: MessageKey,
  event: Omit<MessageEvent, "provider_id"> & { provider_id?: string | null },
): void {
  connection.run(
    `INSERT INTO message_event (campaign_id, lead_id, at, status, attempt, code, reason, provider_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    key.campaignId,
    key.leadId,
    event.at,
    event.status,
    event.attempt,
    event.code,
    event.reason,
    event.provider_id ?? null,
  );
}

/** See `lastRetry` of the core. */
export function lastRetry(connection: Connection, key: MessageKey): ReturnType<typeof history.lastRetry> {
  return history.lastRetry(notedEvents(connection, key));
}

export function historyOf(connection: Connection, id: string): MessageEvent[] {
  const key = parseMessageId(id);
  if (key === null) return [];
  const row = connection.get(`${SELECT_MESSAGE} WHERE m.campaign_id = ? AND m.lead_id = ?`, key.campaignId, key.leadId);
  return row === undefined ? [] : history.historyOf(messageOf(row, []), notedEvents(connection, key));
}

/** In the order in which they were noted. */
export function notedEvents(connection: Connection, key: MessageKey): MessageEvent[] {
  return connection
    .all("SELECT * FROM message_event WHERE campaign_id = ? AND lead_id = ? ORDER BY rowid", key.campaignId, key.leadId)
    .map((event) => ({
      at: number(event, "at"),
      status: text(event, "status") as MessageEvent["status"],
      attempt: number(event, "attempt"),
      code: textOrNull(event, "code"),
      reason: textOrNull(event, "reason"),
      provider_id: textOrNull(event, "provider_id"),
    }));
}
