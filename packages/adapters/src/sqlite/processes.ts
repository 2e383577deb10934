/** Owns the signs of life of running processes. */
import type { Instant } from "@mini-crm/core/instant";
import type { ProcessSign } from "@mini-crm/core/ports/store";
import { type Connection, number, text } from "./connection.ts";
import { endSessionsOf } from "./sessions.ts";

/** Signs older than this are swept away with the next one. */
const FORGOTTEN_AFTER_MS = 86_400_000;

export function processVerbs(connection: Connection) {
  return {
    signProcess: (sign: ProcessSign): void =>
      connection.transaction(() => {
        connection.run("DELETE FROM process WHERE seen_at < ?", sign.seen_at - FORGOTTEN_AFTER_MS);
        connection.run(
          `INSERT INTO process (_id, role, seen_at, detail) VALUES (?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET seen_at = excluded.seen_at, detail = excluded.detail`,
          sign._id,
          sign.role,
          sign.seen_at,
          JSON.stringify(sign.detail),
        );
      }),

    processGone: (id: string): void => {
      connection.run("DELETE FROM process WHERE _id = ?", id);
    },

    processDied: (id: string, now: Instant): void =>
      connection.transaction(() => {
        connection.run("DELETE FROM process WHERE _id = ?", id);
        connection.run("UPDATE event_offset SET owner = NULL, owned_until = NULL WHERE owner = ?", id);
        // Their leases have ended; the next `recover` says what that means for each.
        connection.run("UPDATE claim SET until = ? WHERE until > ? AND worker = ?", now, now, id);
        connection.run("UPDATE direct_message SET lease_until = ? WHERE lease_until > ? AND worker = ?", now, now, id);
        endSessionsOf(connection, id);
      }),

    processesSince: (since: Instant): ProcessSign[] =>
      connection.all("SELECT * FROM process WHERE seen_at >= ? ORDER BY _id", since).map((row) => ({
        _id: text(row, "_id"),
        role: text(row, "role") as ProcessSign["role"],
        seen_at: number(row, "seen_at"),
        detail: JSON.parse(text(row, "detail")),
      })),
  };
}
