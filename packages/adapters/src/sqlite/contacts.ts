/** Owns whom each channel wrote to, and who wrote to it: what the window for replies and the limits on recipients look back at. */
import { RECIPIENTS_WINDOW_MS } from "@mini-crm/core/channel/room";
import type { InboundEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import { isE164 } from "@mini-crm/core/lead/phone";
import { type Connection, number, numberOrNull, text } from "./connection.ts";

export function contactVerbs(connection: Connection) {
  return {
    lastTexts: (channelId: string, phones: readonly string[]): Record<string, Instant> =>
      Object.fromEntries(lastTimes(connection, "last_text_at", channelId, phones)),

    phonesOf: (channelId: string, userIds: readonly string[]): Record<string, string> => {
      const rows = connection.all(
        `SELECT c.user_id, c.phone FROM json_each(?) AS asked
           CROSS JOIN channel_contact AS c ON c.channel_id = ? AND c.user_id = asked.value
         ORDER BY c.last_text_at`,
        JSON.stringify(userIds),
        channelId,
      );
      // Whoever has a new number is known by the one that they wrote from last.
      return Object.fromEntries(rows.map((row) => [text(row, "user_id"), text(row, "phone")]));
    },

    recipientUse: (channelId: string, now: Instant) => recipientUse(connection, channelId, now),
  };
}

/** When each of `phones` last wrote to the channel, or was written to over it, where they ever were. */
function lastTimes(
  connection: Connection,
  column: "last_text_at" | "last_sent_at",
  channelId: string,
  phones: readonly string[],
): Map<string, Instant> {
  const rows = connection.all(
    `SELECT c.phone, c.${column} AS at FROM json_each(?) AS asked
       CROSS JOIN channel_contact AS c ON c.channel_id = ? AND c.phone = asked.value
     WHERE c.${column} IS NOT NULL`,
    JSON.stringify(phones),
    channelId,
  );
  return new Map(rows.map((row) => [text(row, "phone"), number(row, "at")]));
}

export function lastSent(connection: Connection, channelId: string, phones: readonly string[]): Map<string, Instant> {
  return lastTimes(connection, "last_sent_at", channelId, phones);
}

export function recipientUse(connection: Connection, channelId: string, now: Instant): { recipients: number; resetAt: Instant } {
  const row = connection.get(
    "SELECT count(*) AS recipients, min(last_sent_at) AS oldest FROM channel_contact WHERE channel_id = ? AND last_sent_at > ?",
    channelId,
    now - RECIPIENTS_WINDOW_MS,
  );
  if (row === undefined) throw new Error("An aggregate gave no row");
  return { recipients: number(row, "recipients"), resetAt: (numberOrNull(row, "oldest") ?? now) + RECIPIENTS_WINDOW_MS };
}

export function noteRecipients(connection: Connection, channelId: string, phones: readonly string[], now: Instant): void {
  if (phones.length === 0) return;
  connection.run(
    `INSERT INTO channel_contact (channel_id, phone, last_sent_at) SELECT ?, value, ? FROM json_each(?) WHERE TRUE
     ON CONFLICT DO UPDATE SET last_sent_at = max(coalesce(last_sent_at, 0), excluded.last_sent_at)`,
    channelId,
    now,
    JSON.stringify(phones),
  );
}

/**
 * Notes who wrote: the texts are new ones. Senders without a number are nobody that could be written to, and who used WhatsApp's own
 * controls has written nothing.
 */
export function noteSenders(connection: Connection, texts: readonly InboundEvent[]): void {
  const senders = texts.filter(({ from }) => isE164(from));
  if (senders.length === 0) return;
  connection.run(
    `INSERT INTO channel_contact (channel_id, phone, last_text_at, user_id)
       SELECT value ->> 'channel_id', value ->> 'from', iif(value ->> 'wish' IS NULL, value ->> 'at', NULL), value ->> 'user_id'
       FROM json_each(?) WHERE TRUE
     ON CONFLICT DO UPDATE SET last_text_at = coalesce(max(last_text_at, excluded.last_text_at), last_text_at, excluded.last_text_at),
       user_id = coalesce(excluded.user_id, user_id)`,
    JSON.stringify(senders),
  );
}
