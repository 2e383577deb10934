/** Owns what happened to a message: the times in its row, and besides them the refusals, lost answers and tries by hand. */

import type { Instant } from "@mini-crm/core/instant";
import { type MessageEvent, type MessageStatus, parseMessageId } from "@mini-crm/core/message/message";
import { type Connection, number, numberOrNull, type Row, text, textOrNull } from "./connection.ts";
import type { MessageKey } from "./raised.ts";

/** Writes down what a message's row will not keep. The caller holds the transaction. */
export function noteMessageEvent(
  connection: Connection,
  key: MessageKey,
  event: { at: Instant; status: MessageEvent["status"]; attempt: number; code: string | null; reason: string | null },
): void {
  connection.run(
    "INSERT INTO message_event (campaign_id, lead_id, at, status, attempt, code, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
    key.campaignId,
    key.leadId,
    event.at,
    event.status,
    event.attempt,
    event.code,
    event.reason,
  );
}

export function historyOf(connection: Connection, id: string): MessageEvent[] {
  const key = parseMessageId(id);
  if (key === null) return [];
  const row = connection.get("SELECT * FROM message WHERE campaign_id = ? AND lead_id = ?", key.campaignId, key.leadId);
  if (row === undefined) return [];
  const noted = connection
    .all("SELECT * FROM message_event WHERE campaign_id = ? AND lead_id = ? ORDER BY at, rowid", key.campaignId, key.leadId)
    .map((event): MessageEvent => {
      return {
        at: number(event, "at"),
        status: text(event, "status") as MessageEvent["status"],
        attempt: number(event, "attempt"),
        code: textOrNull(event, "code"),
        reason: textOrNull(event, "reason"),
        provider_id: null,
      };
    });
  // What is noted at the same moment came of what the row says of that moment.
  return [...inRow(row), ...noted].sort((a, b) => a.at - b.at || rankOf(a) - rankOf(b));
}

const ORDER: readonly MessageEvent["status"][] = [
  "PENDING",
  "RETRIED",
  "SENDING",
  "UNCERTAIN",
  "SENT",
  "FAILED",
  "DELIVERED",
  "READ",
];

function rankOf({ status }: MessageEvent): number {
  return ORDER.indexOf(status);
}

/** FAILED and UNCERTAIN are noted, so that they stay when the message goes on. */
function inRow(row: Row): MessageEvent[] {
  const attempt = number(row, "attempt");
  const at = (column: string, status: MessageStatus, provider: string | null = null): MessageEvent[] => {
    const time = numberOrNull(row, column);
    return time === null ? [] : [{ at: time, status, attempt, code: null, reason: null, provider_id: provider }];
  };
  const status = text(row, "status") as MessageStatus;
  const ended = status === "SKIPPED" || status === "CANCELLED" ? at("settled_at", status) : [];
  return [
    ...at("created_at", "PENDING").map((event) => ({ ...event, attempt: 0 })),
    ...at("sending_at", "SENDING"),
    ...at("sent_at", "SENT", textOrNull(row, "provider_id")),
    ...at("delivered_at", "DELIVERED"),
    ...at("read_at", "READ"),
    ...ended.map((event) => ({ ...event, code: textOrNull(row, "code"), reason: textOrNull(row, "reason") })),
  ];
}
