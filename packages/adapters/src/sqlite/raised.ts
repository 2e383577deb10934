/** Owns the look at a running campaign's messages, which says on which channel they go. */
import { lookAt } from "@mini-crm/core/event/raised";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import { type Connection, text } from "./connection.ts";

/** A look at a running campaign's messages to the leads after `after` up to `upTo`; null where it does not run. */
export function windowOf(
  connection: Connection,
  campaignId: string,
  after: string | null,
  upTo: string,
  messages: number,
): TopicEvent | null {
  const row = connection.get("SELECT channel_id FROM campaign WHERE _id = ? AND status = 'RUNNING'", campaignId);
  return row === undefined ? null : lookAt({ _id: campaignId, channel_id: text(row, "channel_id") }, { after, upTo, messages });
}
