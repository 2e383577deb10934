/** Owns what happened to a message: the times in its row, and besides them the refusals, lost answers and tries by hand. */
import type { Instant } from "@mini-crm/core/instant";
import { type MessageEvent, type MessageStatus, parseMessageId } from "@mini-crm/core/message/message";
import { type Connection, number, numberOrNull, type Row, text, textOrNull } from "./connection.ts";
import type { MessageKey } from "./raised.ts";

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

/** Notes what a message's row says of its last try, before the row begins anew. */
export function keepHistory(connection: Connection, key: MessageKey, row: Row): void {
  for (const event of inRow(row)) if (event.status !== "PENDING") noteMessageEvent(connection, key, event);
}

/** When a person last had a message tried again, and whether nobody knew then if it had gone out; null where nobody has. */
export function lastRetry(connection: Connection, key: MessageKey): { at: Instant; wasUncertain: boolean } | null {
  const row = connection.get(
    `SELECT at, (SELECT status FROM message_event AS before
       WHERE before.campaign_id = e.campaign_id AND before.lead_id = e.lead_id AND before.rowid < e.rowid
         AND before.status IN ('FAILED', 'UNCERTAIN', 'SKIPPED') ORDER BY before.rowid DESC LIMIT 1) AS ended
     FROM message_event AS e WHERE e.campaign_id = ? AND e.lead_id = ? AND e.status = 'RETRIED' ORDER BY e.rowid DESC LIMIT 1`,
    key.campaignId,
    key.leadId,
  );
  return row === undefined ? null : { at: number(row, "at"), wasUncertain: row["ended"] === "UNCERTAIN" };
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
        provider_id: textOrNull(event, "provider_id"),
      };
    });
  return [...inRow(row), ...noted].sort((a, b) => a.at - b.at || a.attempt - b.attempt || rankOf(a) - rankOf(b));
}

/** What comes of what, where one moment holds several. */
const ORDER: readonly MessageEvent["status"][] = [
  "PENDING",
  "SENDING",
  "UNCERTAIN",
  "SENT",
  "FAILED",
  "DELIVERED",
  "READ",
  "SKIPPED",
  "CANCELLED",
  "RETRIED",
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
