/** Owns how steps change messages: read in one query, changed in memory one after the other, written in one call. */
import type { Message, MessageStatus } from "@mini-crm/core/message/message";
import type { AnyBulkWriteOperation, Document } from "mongodb";
import type { MessageDocument } from "./documents.ts";
import { eventOf, type NewMessageEvent, pushOf } from "./message-events.ts";
import type { Tables } from "./tables.ts";

export interface MessageChanges {
  /** The message as it is now, with what has been changed here; undefined where there is none. */
  get(id: string): MessageDocument | undefined;
  /** Sets fields of a message that was read, and notes `event` in it. */
  change(message: MessageDocument, fields: MessageFields, event?: NewMessageEvent | null): void;
  write(): Promise<void>;
}

export type MessageFields = Partial<Omit<Message, "_id" | "campaign_id" | "lead_id" | "variant">> & { status: MessageStatus };

interface Change {
  fields: MessageFields;
  events: NewMessageEvent[];
}

/** What steps need to know of messages: all but the text, their longest part. */
const WITHOUT_TEXT = { text: 0 };

/**
 * Reads messages to change them. They are written by `_id` alone: where another transaction has changed one in the meantime, the
 * caller's begins anew.
 */
export async function readMessages(tables: Tables, ids: readonly string[]): Promise<MessageChanges> {
  const unique = [...new Set(ids)];
  return changesOf(tables, await tables.message.find({ _id: { $in: unique } }, { projection: WITHOUT_TEXT }));
}

/** The same with messages that the caller's transaction has read. */
export function changesOf(tables: Tables, messages: readonly MessageDocument[]): MessageChanges {
  const known = new Map(messages.map((message) => [message._id, message]));
  const changes = new Map<string, Change>();
  return {
    get: (id) => known.get(id),
    change(message, fields, event = null) {
      Object.assign(message, fields);
      const change = changes.get(message._id) ?? { fields: { ...fields }, events: [] };
      Object.assign(change.fields, fields);
      if (event !== null) {
        change.events.push(event);
        message.events = [...(message.events ?? []), eventOf(event)];
      }
      changes.set(message._id, change);
    },
    write: () => tables.message.write([...changes].map(([id, change]) => updateOf(id, change))),
  };
}

function updateOf(_id: string, { fields, events }: Change): AnyBulkWriteOperation<MessageDocument> {
  const set: Document = {};
  const unset: Document = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === null) unset[name] = "";
    else set[name] = value;
  }
  const noted = events.length === 0 ? {} : { $push: pushOf(...events) };
  return { updateOne: { filter: { _id }, update: { $set: set, $unset: unset, ...noted } } };
}
