/** Owns what is noted in a message besides where it stands: refusals, lost answers and tries by hand. */
import * as history from "@mini-crm/core/message/history";
import type { MessageEvent } from "@mini-crm/core/message/message";
import type { Tables } from "./tables.ts";

/** How many events a message keeps, the newest. */
const KEPT_EVENTS = 100;

export type NewMessageEvent = Omit<MessageEvent, "provider_id"> & { provider_id?: string | null };

/** The `$push` that notes events in a message, to go with what else changes there. */
export function pushOf(...events: readonly NewMessageEvent[]): { events: { $each: MessageEvent[]; $slice: number } } {
  return { events: { $each: events.map(eventOf), $slice: -KEPT_EVENTS } };
}

/** Just the fields of an event, whatever else the caller has. */
export function eventOf({ at, status, attempt, code, reason, provider_id = null }: NewMessageEvent): MessageEvent {
  return { at, status, attempt, code, reason, provider_id };
}

export async function historyOf(tables: Tables, id: string): Promise<MessageEvent[]> {
  const message = await tables.message.one({ _id: id });
  return message === null ? [] : history.historyOf(message, message.events ?? []);
}
