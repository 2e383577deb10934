/**
 * Owns the shapes of what is stored in MongoDB: a document for each row that SQLite has, with lists and objects where SQLite has
 * JSON. Instants are epoch milliseconds, save in leads, where rules compare dates. What is null may be absent.
 */
import type { NewActivity } from "@mini-crm/core/activity/activity";
import type { Campaign, Ledger } from "@mini-crm/core/campaign/campaign";
import type { Preflight } from "@mini-crm/core/campaign/preflight";
import type { Channel } from "@mini-crm/core/channel/channel";
import type { SessionLease } from "@mini-crm/core/channel/session-lease";
import type { WhatsAppTemplate } from "@mini-crm/core/channel/template";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import type { Lead } from "@mini-crm/core/lead/lead";
import type { DirectMessage } from "@mini-crm/core/message/direct-message";
import type { InboundMessage } from "@mini-crm/core/message/inbound";
import type { Message, MessageEvent, MessageStatus } from "@mini-crm/core/message/message";
import type { ProcessSign } from "@mini-crm/core/ports/store";
import type { Segment } from "@mini-crm/core/segment/segment";
import type { Delivery, Webhook } from "@mini-crm/core/webhook/webhook";
import type { ObjectId } from "mongodb";

export interface LeadDocument extends Omit<Lead, "external_id" | "last_order_at" | "consent" | "created_at" | "updated_at"> {
  /** Absent where there is none, so that those who have none are not alike. */
  external_id?: string;
  last_order_at: Date | null;
  consent: Omit<Lead["consent"], "at"> & { at: Date | null };
  created_at: Date;
  updated_at: Date;
  /** True where another lead has had one of its numbers too. */
  shares_phone: boolean;
}

/** How many leads there are: MongoDB's own count is only exact until a server dies, and counting them takes as long as they are many. */
export interface LeadTotalDocument {
  _id: "lead";
  leads: number;
}

/** A number that a lead had who shared it with others: what was sent to such a lead was sent to the number. */
export interface FormerPhoneDocument {
  /** `phone` and `lead_id`, so that each pair is there once. */
  _id: string;
  phone: string;
  lead_id: string;
}

export type SegmentDocument = Segment;

/** What changes with every send lies in `campaign_count`: whoever changes the campaign itself would else begin anew again and again. */
export interface CampaignDocument extends Omit<Campaign, "counts" | "last_sent_at"> {
  /** The ledger as it was last told. */
  noted: Ledger | null;
}

/** A part of the leads that a campaign's audience was written down in: those behind the lead `after` up to `up_to`. */
export interface MessageWindowDocument {
  /** `campaign_id` and `after`. */
  _id: string;
  campaign_id: string;
  after: string;
  up_to: string;
}

/**
 * So many messages of a window have come to a place, or left it. Changes are only added, so that no two transactions wait for one
 * another here; from time to time they are summed up. The sum is the ledger.
 */
export interface CampaignCountDocument {
  /** An ObjectId where it is a change; else the place in words. */
  _id: ObjectId | string;
  campaign_id: string;
  status: MessageStatus;
  /** Why, as in the message; "" where the status needs no reason. */
  code: string;
  /** 0 for messages that have not left. */
  variant: number;
  /** `MessageWindowDocument.after`. */
  window: string;
  messages: number;
  /** When messages of the campaign were sent last, where a change tells. */
  sent_at?: Instant;
  /** There until it has been summed up. */
  fresh?: true;
}

export interface CampaignReactionDocument {
  /** `campaign_id`, `variant` and `reaction`. */
  _id: string;
  campaign_id: string;
  variant: number;
  reaction: "replied" | "opted_out";
  messages: number;
}

/** A recipient of a campaign: the identifier is what keeps anybody from being sent the same message twice. */
export interface MessageDocument extends Omit<Partial<Message>, "variant"> {
  /** `messageId(campaign_id, lead_id)`: in the order of campaign and lead. */
  _id: string;
  campaign_id: string;
  lead_id: string;
  status: MessageStatus;
  phone: string | null;
  attempt: number;
  created_at: Instant;
  /** The attempt after which a person last had it tried again. */
  tries_from?: number;
  /** Whoever claimed it last. */
  worker?: string;
  /** What happened to it besides the times above, in its order: refusals, lost answers, tries by hand. */
  events?: MessageEvent[];
}

/** Which worker has claimed which messages until when; it stays until its lease ends, whatever has become of its messages. */
export interface ClaimDocument {
  _id: ObjectId;
  worker: string;
  campaign_id: string;
  /** Leads. */
  first: string;
  last: string;
  until: Instant;
}

/** When a channel sent how many of which campaign, for some minutes. */
export interface ChannelSendDocument {
  _id: ObjectId;
  channel_id: string;
  campaign_id: string;
  at: Instant;
  messages: number;
}

/** What was shown of a campaign before its start, for a day. */
export interface PreflightDocument {
  /** The token. */
  _id: string;
  campaign_id: string;
  at: Instant;
  shown: Preflight;
}

export interface DirectMessageDocument extends DirectMessage {
  /** Whoever sends it, and until when; after that, nobody knows. */
  worker: string | null;
  lease_until: Instant | null;
}

export type ChannelDocument = Channel;

/** Who has the session of a channel's linked device. */
export interface ChannelSessionDocument extends SessionLease {
  /** The channel. */
  _id: string;
}

/** Something that a linked device knows, sealed. */
export interface ChannelSessionEntryDocument {
  /** `channel_id` and `key`. */
  _id: string;
  channel_id: string;
  key: string;
  value: string;
}

/** Somebody whom a channel wrote to, or who wrote to it. */
export interface ChannelContactDocument {
  /** `channel_id` and `phone`. */
  _id: string;
  channel_id: string;
  phone: string;
  last_text_at?: Instant;
  /** Only noted where the channel has limits that ask for it. */
  last_sent_at?: Instant;
  /** WhatsApp's own name for them towards this business. */
  user_id?: string;
}

export interface WhatsAppTemplateDocument extends WhatsAppTemplate {
  /** `channel_id`, `name` and `language`. */
  _id: string;
}

export type ProcessDocument = ProcessSign;

export interface InboundMessageDocument extends InboundMessage {
  received_at: Instant;
}

export interface ActivityDocument extends Pick<NewActivity, "at" | "kind" | "subject"> {
  /** The number in the order of commits. */
  _id: number;
  data: unknown;
}

export type WebhookDocument = Webhook;

export interface WebhookDeliveryDocument extends Delivery {
  body: string;
  /** The next try, which is also the end of a claim's lease. */
  due_at: Instant | null;
  /** How often it was claimed. */
  attempt: number;
}

/** Events that a transaction raised and that nobody has said to be published. */
export interface OutboxDocument {
  _id: ObjectId;
  events: TopicEvent[];
}

/** What transactions change that must not pass each other, so that one of two begins anew; `n` counts. */
export interface LockDocument {
  _id: string;
  n: number;
  /** In that of the activities: the last number that was given. */
  seq?: number;
}

export interface SchemaDocument {
  _id: "schema";
  version: number;
}

/** Beside the schema's version in a database that a move has filled: how far that is. */
export interface MoveDocument {
  _id: "move";
  /** `used`: opened by the product since. */
  state: "unfinished" | "finished" | "used";
}
