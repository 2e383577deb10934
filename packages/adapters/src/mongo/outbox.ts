/** Owns the outbox: what a transaction raised is kept until somebody has published it. */
import type { TopicEvent } from "@mini-crm/core/event/topics";
import { ObjectId } from "mongodb";
import type { Tables } from "./tables.ts";

/** Keeps what the caller's transaction raised; null where that is nothing. */
export async function putInOutbox(tables: Tables, events: TopicEvent[]): Promise<string | null> {
  if (events.length === 0) return null;
  const _id = new ObjectId();
  await tables.outbox.insert([{ _id, events }]);
  return _id.toHexString();
}

export async function unpublishedEvents(tables: Tables, limit: number): Promise<{ _id: string; events: TopicEvent[] }[]> {
  const entries = await tables.outbox.find({}, { sort: { _id: 1 }, limit });
  return entries.map(({ _id, events }) => ({ _id: _id.toHexString(), events }));
}

export async function publishedEvents(tables: Tables, ids: readonly string[]): Promise<void> {
  await tables.outbox.remove({ _id: { $in: ids.map((id) => new ObjectId(id)) } });
}
