/** Owns what steps raise: the events that say where to look next, the same on every engine. */
import { unreachable } from "../app-error.ts";
import type { Instant } from "../instant.ts";
import type { parseMessageId } from "../message/message.ts";
import type { SendOutcome } from "../message/outcome.ts";
import type { StepResult, StepTable } from "../ports/steps.ts";
import type { StatusEvent, TopicEvent } from "./topics.ts";

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

/** A look at a campaign's messages to the leads after `after` up to `upTo`, of which there are `messages`. */
export function lookAt(
  campaign: { _id: string; channel_id: string },
  { after, upTo, messages }: { after: string | null; upTo: string; messages: number },
): TopicEvent {
  const { _id, channel_id } = campaign;
  return {
    topic: "campaign.messages",
    key: channel_id,
    value: { version: 1, campaign_id: _id, channel_id, after, up_to: upTo, messages },
  };
}

/** The step `requeue`: what is looked at again is all that it is. */
export function requeue({ windows }: Input<"requeue">): Stepped<StepResult<"requeue">> {
  const raised = windows.map((value): TopicEvent => ({ topic: "campaign.messages", key: value.channel_id, value }));
  return { result: { requeued: raised.length }, raised };
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
