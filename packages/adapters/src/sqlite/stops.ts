/** Owns the last words that were written from numbers: whose last wish is a stop is not written to, whoever has the number. */
import type { Instant } from "@mini-crm/core/instant";
import * as wishes from "@mini-crm/core/lead/heed-wishes";
import type { Lead } from "@mini-crm/core/lead/lead";
import type { Wish } from "@mini-crm/core/lead/stop-words";
import { type Connection, number, text } from "./connection.ts";

/** Heeds the last words of the leads' numbers. */
export function heedStops(connection: Connection, leads: readonly Lead[], now: Instant): Lead[] {
  const stops = lastStops(connection, [...new Set(leads.flatMap(({ phones }) => phones))]);
  return stops.size === 0 ? [...leads] : wishes.heedStops(leads, stops, now);
}

/** Nearly everywhere nobody has said stop yet, and then nothing needs to be looked up. */
export function hasHeardWishes(connection: Connection): boolean {
  return connection.get("SELECT 1 AS one FROM inbound_message WHERE wish IS NOT NULL LIMIT 1") !== undefined;
}

/** Of those numbers whose last wish is a stop, when that was. */
export function lastStops(connection: Connection, phones: readonly string[]): Map<string, Instant> {
  if (!hasHeardWishes(connection)) return new Map();
  const rows = connection.all(
    `SELECT i.phone, i.wish, max(i.at) AS at
     FROM json_each(?) AS asked CROSS JOIN inbound_message AS i ON i.phone = asked.value AND i.wish IS NOT NULL
     GROUP BY i.phone, i.wish`,
    JSON.stringify(phones),
  );
  return wishes.lastStops(
    rows.map((row) => ({ phone: text(row, "phone"), wish: text(row, "wish") as Wish, at: number(row, "at") })),
  );
}
