/** Owns what a batch of outcomes comes to: what is raised, and which campaigns must be looked at again. */
import { type Input, type MessageKey, statusEventOf } from "../event/raised.ts";
import type { TopicEvent } from "../event/topics.ts";
import type { AttemptOutcome } from "../ports/steps.ts";
import { type MessageStatus, parseMessageId } from "./message.ts";

export interface Recorded {
  applied: number;
  raised: TopicEvent[];
  /** Campaigns of which something was sent. */
  sending: Set<string>;
  /** Campaigns of which somebody waits again. */
  waiting: Set<string>;
  /** Campaigns of which somebody who was being sent to waits again or is skipped; true where nobody knew of them. */
  unsent: Map<string, boolean>;
}

/** Has `apply` apply each outcome in its order; that answers which way the message went, null where nothing changed. */
export function recordEach(
  { outcomes, now }: Input<"record">,
  apply: (key: MessageKey, tried: AttemptOutcome) => { from: MessageStatus; to: MessageStatus } | null,
): Recorded {
  const recorded: Recorded = { applied: 0, raised: [], sending: new Set(), waiting: new Set(), unsent: new Map() };
  const { sending, waiting, unsent, raised } = recorded;
  for (const tried of outcomes) {
    const key = parseMessageId(tried.message_id);
    const moved = key === null ? null : apply(key, tried);
    if (key === null || moved === null) continue;
    if (tried.outcome.kind === "sent") sending.add(key.campaignId);
    if (moved.to === "PENDING") waiting.add(key.campaignId);
    if (moved.to === "PENDING" || moved.to === "SKIPPED") {
      unsent.set(key.campaignId, moved.from === "UNCERTAIN" || (unsent.get(key.campaignId) ?? false));
    }
    const event = statusEventOf(tried.message_id, tried.outcome, now);
    if (event !== null) raised.push(event);
    recorded.applied += 1;
  }
  return recorded;
}
