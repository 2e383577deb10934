/** Owns which parts of campaigns are looked at again, because messages in them are ready. */
import { lookAt } from "./raised.ts";
import type { TopicEvent } from "./topics.ts";

/** Between which leads a campaign has messages to look at. */
interface Span {
  first: string;
  last: string;
  messages: number;
}

export interface Spans {
  add(campaignId: string, leadId: string): void;
  /** The look at what was added of a running campaign; null where nothing was. */
  lookAt(campaign: { _id: string; channel_id: string }): TopicEvent | null;
}

export function spansOfReady(): Spans {
  const spans = new Map<string, Span>();
  return {
    add(campaignId, leadId) {
      const span = spans.get(campaignId) ?? { first: leadId, last: leadId, messages: 0 };
      if (leadId < span.first) span.first = leadId;
      if (leadId > span.last) span.last = leadId;
      span.messages += 1;
      spans.set(campaignId, span);
    },
    lookAt(campaign) {
      const span = spans.get(campaign._id);
      if (span === undefined) return null;
      return lookAt(campaign, { after: justBefore(span.first), upTo: span.last, messages: span.messages });
    },
  };
}

/** A bound that `leadId` lies after, while no lead that matters lies in between: its own beginning. */
function justBefore(leadId: string): string {
  return leadId.slice(0, -1);
}
