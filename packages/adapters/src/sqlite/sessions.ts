/** Owns the sessions of linked devices on SQLite: who has which, and what the devices know. */
import { held, isHeldBy, type SessionLease } from "@mini-crm/core/channel/session-lease";
import type { SessionStore } from "@mini-crm/core/ports/channel-store";
import { type Connection, number, text } from "./connection.ts";

type HoldRequest = Parameters<SessionStore["hold"]>[0];
type Hold = Awaited<ReturnType<SessionStore["hold"]>>;
type WriteRequest = Parameters<SessionStore["write"]>[0];
type ClearRequest = Parameters<SessionStore["clear"]>[0];

export function sessionVerbs(connection: Connection) {
  return {
    holdSession: (request: HoldRequest): Hold => connection.transaction(() => hold(connection, request), "soon"),

    letSessionGo: (channelId: string, owner: string): void => {
      connection.run("DELETE FROM channel_session WHERE channel_id = ? AND owner = ?", channelId, owner);
    },

    readSession: (channelId: string, keys: readonly string[]): Record<string, string> => {
      const rows = connection.all(
        `SELECT e.key, e.value FROM json_each(?) AS asked
           CROSS JOIN channel_session_entry AS e ON e.channel_id = ? AND e.key = asked.value`,
        JSON.stringify(keys),
        channelId,
      );
      return Object.fromEntries(rows.map((row) => [text(row, "key"), text(row, "value")]));
    },

    writeSession: (request: WriteRequest): boolean => connection.transaction(() => write(connection, request)),

    clearSession: ({ channel_id, owner, prefix, now }: ClearRequest): boolean =>
      connection.transaction(() => {
        if (!isHeldBy(readLease(connection, channel_id), owner, now)) return false;
        connection.run(
          "DELETE FROM channel_session_entry WHERE channel_id = ?1 AND key >= ?2 AND substr(key, 1, length(?2)) = ?2",
          channel_id,
          prefix,
        );
        return true;
      }),
  };
}

function readLease(connection: Connection, channelId: string): SessionLease | null {
  const row = connection.get("SELECT owner, until, wanted_until FROM channel_session WHERE channel_id = ?", channelId);
  if (row === undefined) return null;
  return { owner: text(row, "owner"), until: number(row, "until"), wanted_until: number(row, "wanted_until") };
}

function hold(connection: Connection, request: HoldRequest): Hold {
  const { answer, lease } = held(readLease(connection, request.channel_id), request);
  connection.run(
    "INSERT OR REPLACE INTO channel_session (channel_id, owner, until, wanted_until) VALUES (?, ?, ?, ?)",
    request.channel_id,
    lease.owner,
    lease.until,
    lease.wanted_until,
  );
  return answer;
}

function write(connection: Connection, { channel_id, owner, entries, now }: WriteRequest): boolean {
  if (!isHeldBy(readLease(connection, channel_id), owner, now)) return false;
  for (const [key, value] of Object.entries(entries)) {
    if (value === null) connection.run("DELETE FROM channel_session_entry WHERE channel_id = ? AND key = ?", channel_id, key);
    else {
      connection.run(
        "INSERT OR REPLACE INTO channel_session_entry (channel_id, key, value) VALUES (?, ?, ?)",
        channel_id,
        key,
        value,
      );
    }
  }
  return true;
}

/** What a dead process had is free. */
export function endSessionsOf(connection: Connection, owner: string): void {
  connection.run("DELETE FROM channel_session WHERE owner = ?", owner);
}
