/** Owns what steps raise: the events that say where to look next. */
import { unreachable } from "@mini-crm/core/app-error";
import type { StatusEvent, TopicEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import type { parseMessageId } from "@mini-crm/core/message/message";
import type { SendOutcome } from "@mini-crm/core/message/outcome";
import type { StepTable } from "@mini-crm/core/ports/steps";
import { type Connection, text } from "./connection.ts";

/** What one step gave: its result and the events that it raised. */
export interface Stepped<R> {
  result: R;
  raised: TopicEvent[];
}

export type MessageKey = NonNullable<ReturnType<typeof parseMessageId>>;
export type Input<N extends keyof StepTable> = StepTable[N]["input"];

/** The job that goes on with a campaign's audience behind `after`. */
export function jobOf(campaignId: string, after: string | null): TopicEvent {
  return { topic: "campaign.jobs", key: campaignId, value: { version: 1, campaign_id: campaignId, after } };
}

/** A look at a running campaign's messages to the leads after `after` up to `upTo`. */
export function windowOf(
  connection: Connection,
  campaignId: string,
  after: string | null,
  upTo: string,
  messages: number,
): TopicEvent | null {
  const row = connection.get("SELECT channel_id FROM campaign WHERE _id = ? AND status = 'RUNNING'", campaignId);
  if (row === undefined) return null;
  const channelId = text(row, "channel_id");
  return {
    topic: "campaign.messages",
    key: channelId,
    value: { version: 1, campaign_id: campaignId, channel_id: channelId, after, up_to: upTo, messages },
  };
}

/** What the rest of the pipeline hears of an outcome; null where the message only waits again. */
export function statusEventOf(id: string, outcome: SendOutcome, at: Instant): TopicEvent | null {
  const event = (status: StatusEvent["status"], code: string | null, reason: string | null): TopicEvent => ({
    topic: "message.statuses",
    key: id,
    value: { version: 1, message_id: id, source: "send", status, at, code, reason },
  });
  switch (outcome.kind) {
    case "sent":
      return event("SENT", null, null);
    case "failed":
      return event("FAILED", outcome.code, outcome.reason);
    case "uncertain":
      return event("UNCERTAIN", outcome.code, outcome.reason);
    case "skipped":
      return event("SKIPPED", outcome.reason, outcome.detail);
    case "retry":
    case "released":
    case "deferred":
      return null;
    default:
      return unreachable(outcome);
  }
}
