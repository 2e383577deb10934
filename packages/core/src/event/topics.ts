/** Owns the topics of the event bus and what their events say. The store is the truth; an event only says where to look. */
import type { Instant } from "../instant.ts";
import type { Wish } from "../lead/stop-words.ts";
import type { ReceiptStatus } from "../message/message.ts";

/** `campaign.jobs`, keyed by campaign: write down the audience from the lead after `after` on (null: from the first). */
export interface CampaignJob {
  version: 1;
  campaign_id: string;
  after: string | null;
}

/**
 * `campaign.messages`, keyed by channel so that one number has one sender: look at the campaign's pending messages to the
 * leads after `after` (null: from the first) up to and including `up_to`; there were `messages` of them.
 */
export interface MessageWindow {
  version: 1;
  campaign_id: string;
  channel_id: string;
  after: string | null;
  up_to: string;
  messages: number;
}

/** `message.statuses`, keyed by message: what became known of it, from the sender (`send`) or the provider (`receipt`). */
export interface StatusEvent {
  version: 1;
  message_id: string;
  source: "send" | "receipt";
  status: ReceiptStatus | "SKIPPED" | "UNCERTAIN";
  at: Instant;
  code: string | null;
  reason: string | null;
}

/** `message.inbound`, keyed by the sender's number: what somebody wrote to the channel. */
export interface InboundEvent {
  version: 1;
  provider_id: string;
  channel_id: string;
  /** E.164; `user:` and WhatsApp's own name for the sender where the number is not known. */
  from: string;
  /** WhatsApp's own name for the sender, where it tells one. */
  user_id?: string | null;
  name: string | null;
  text: string;
  /** What the sender asked for by WhatsApp's own controls; without it, the text says. */
  wish?: Wish | null;
  at: Instant;
}

/** `message.direct`, keyed by channel: look at this message to one person, which waits to be sent. */
export interface DirectLook {
  version: 1;
  direct_id: string;
  channel_id: string;
}

export interface TopicValues {
  "campaign.jobs": CampaignJob;
  "campaign.messages": MessageWindow;
  "message.statuses": StatusEvent;
  "message.inbound": InboundEvent;
  "message.direct": DirectLook;
}
export type Topic = keyof TopicValues;
export const TOPICS = [
  "campaign.jobs",
  "campaign.messages",
  "message.statuses",
  "message.inbound",
  "message.direct",
] as const satisfies readonly Topic[];

/** An event on its way to a topic. Events of one topic and key are handled in the order in which they were published. */
export type TopicEvent<T extends Topic = Topic> = { [K in T]: { topic: K; key: string; value: TopicValues[K] } }[T];
