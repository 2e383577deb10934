/** Owns the outbox: what a transaction raised is kept until somebody has published it. */
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { OutboxEntry } from "@mini-crm/core/ports/store";
import { type Connection, number, text } from "./connection.ts";

/** Keeps what the caller's transaction raised; null where that is nothing. */
export function putInOutbox(connection: Connection, events: readonly TopicEvent[]): string | null {
  if (events.length === 0) return null;
  const row = connection.get("INSERT INTO outbox (events) VALUES (?) RETURNING seq", JSON.stringify(events));
  if (row === undefined) throw new Error("The outbox gave no number");
  return String(number(row, "seq"));
}

export function outboxVerbs(connection: Connection) {
  return {
    unpublishedEvents: (limit: number): OutboxEntry[] =>
      connection.all("SELECT seq, events FROM outbox ORDER BY seq LIMIT ?", limit).map((row) => ({
        _id: String(number(row, "seq")),
        events: JSON.parse(text(row, "events")),
      })),

    /** Without it after a power cut, events are published once more. */
    publishedEvents: (ids: readonly string[]): void => {
      connection.transaction(() => {
        for (const id of ids) connection.run("DELETE FROM outbox WHERE seq = ?", Number(id));
      }, "soon");
    },
  };
}
