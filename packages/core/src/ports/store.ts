/** Owns the port to the store, in the business's verbs: several small ports, one per noun. Each verb is atomic. */
import type { Activity, NewActivity } from "../activity/activity.ts";
import type { LedgerAudit } from "../campaign/audit.ts";
import type { Campaign, CampaignStatus, FrozenContent, FrozenRun, FrozenVariant } from "../campaign/campaign.ts";
import type { VariantReactions } from "../campaign/compare-variants.ts";
import type { FrequencyCap, QuietHours } from "../campaign/options.ts";
import type { Preflight } from "../campaign/preflight.ts";
import type { SurveyedLead } from "../campaign/survey.ts";
import type { ChannelSign } from "../channel/channel-sign.ts";
import type { RateLimit, SendingLimits } from "../channel/limits.ts";
import type { TopicEvent } from "../event/topics.ts";
import type { Instant } from "../instant.ts";
import type { Lead, LeadInput } from "../lead/lead.ts";
import type { DirectMessage } from "../message/direct-message.ts";
import type { InboundMessage } from "../message/inbound.ts";
import type { Message, MessageEvent, MessageStatus } from "../message/message.ts";
import type { SendOutcome } from "../message/outcome.ts";
import type { Rule } from "../segment/rule.ts";
import type { Segment } from "../segment/segment.ts";
import type { ChannelStore, ContactStore, SessionStore, TemplateStore } from "./channel-store.ts";
import type { CarriedOut, ReasonCount, RetryChoice, Step } from "./steps.ts";
import type { WebhookStore } from "./webhook-store.ts";

/** Which part of a list: pages count from 1. */
export interface PageRequest {
  page: number;
  limit: number;
}

export interface Page<T> {
  items: T[];
  /** How many there are on all pages together. */
  total: number;
}

export type LeadSortField = "created_at" | "updated_at" | "name" | "total_spend" | "visits" | "last_order_at";
export interface Sort<F extends string> {
  by: F;
  direction: "asc" | "desc";
}

/** What a bulk import did: `matched` leads are in the store now, `inserted` are new, `modified` were known and have changed. */
export interface ImportCounts {
  accepted: number;
  inserted: number;
  modified: number;
  matched: number;
}

export type LeadChange =
  | { kind: "changed"; lead: Lead }
  | { kind: "not_found" }
  /** Another lead already has this `external_id`. */
  | { kind: "taken"; field: "external_id"; lead_id: string };

export interface LeadStore {
  /** Adds or merges leads (encoded by `encodeLeads`), all or none; a lead is recognised as `identity.ts` says. */
  import(encoded: Uint8Array, now: Instant): Promise<ImportCounts>;
  /** Adds one lead, or merges it into the one it is recognised as. */
  add(input: LeadInput, now: Instant): Promise<{ kind: "added" | "merged"; lead: Lead }>;
  read(id: string): Promise<Lead | null>;
  /** Replaces the given fields. */
  change(id: string, input: LeadInput, now: Instant): Promise<LeadChange>;
  remove(id: string): Promise<boolean>;
  /** The leads that match `rule` (null: all), in order; equal ones in the order of their identifiers. */
  list(request: PageRequest & { rule: Rule | null; sort: Sort<LeadSortField>; now: Instant }): Promise<Page<Lead>>;
}

/** How the engine carries a rule out, in its own words. */
export interface RulePlan {
  engine: string;
  query: string;
  plan: string[];
}

export interface SegmentStore {
  create(segment: Segment): Promise<void>;
  read(id: string): Promise<Segment | null>;
  change(
    id: string,
    fields: Partial<Pick<Segment, "name" | "owner_user_id" | "rule_ast">>,
    now: Instant,
  ): Promise<Segment | null>;
  /** Refuses while a campaign that is not finished uses the segment. */
  remove(id: string): Promise<{ kind: "removed" } | { kind: "not_found" } | { kind: "in_use"; campaigns: string[] }>;
  list(request: PageRequest): Promise<Page<Segment>>;
  /** How many leads match `rule`. */
  count(rule: Rule, now: Instant): Promise<number>;
  /** The first `limit` leads that match, in the order of their creation. */
  sample(rule: Rule, limit: number, now: Instant): Promise<Lead[]>;
  explain(rule: Rule, now: Instant): Promise<RulePlan>;
}

export interface CampaignStore {
  create(campaign: Campaign): Promise<void>;
  read(id: string): Promise<Campaign | null>;
  /** Changes a campaign that is still a DRAFT. */
  change(
    id: string,
    fields: Partial<Pick<Campaign, "name" | "segment_id" | "channel_id" | "message_template" | "options" | "expected">>,
    now: Instant,
  ): Promise<{ kind: "changed"; campaign: Campaign } | { kind: "not_found" } | { kind: "not_draft"; status: CampaignStatus }>;
  /** Removes a campaign with its messages, unless it is being sent. */
  remove(id: string): Promise<{ kind: "removed" } | { kind: "not_found" } | { kind: "in_progress"; status: CampaignStatus }>;
  /** Newest first. */
  list(request: PageRequest & { status: CampaignStatus | null }): Promise<Page<Campaign>>;
  /** SCHEDULED ones whose time has come and that no hold keeps, at most `limit`. */
  due(now: Instant, limit: number): Promise<Campaign[]>;
}

/** What a start would find, and what was shown of it. */
export interface PreflightStore {
  /**
   * Those who match among the next `leadsPerWindow` leads behind `after` (null: from the first), in the order of their
   * identifiers, each as the step `expand` and the verb `admit` would take it now. `next` is the `after` of the next window, null
   * behind the last one.
   */
  window(request: {
    campaign_id: string;
    frozen: FrozenRun;
    frequency_cap: FrequencyCap | null;
    after: string | null;
    leadsPerWindow: number;
  }): Promise<{ leads: SurveyedLead[]; next: string | null }>;
  /** Keeps what was shown, for a day. */
  keep(preflight: Preflight): Promise<void>;
  read(token: string): Promise<Preflight | null>;
}

/** A message that one worker may now render and send, with what rendering needs. */
export interface ClaimedMessage {
  _id: string;
  lead_id: string;
  phone: string | null;
  attempt: number;
  /** How many tries there have been since the start, or since a person had it tried again, with this one. */
  tries: number;
  /** The lead with the fields that the campaign's texts read, its time zone, the others blank; null where it has been deleted since. */
  lead: Lead | null;
}

export type Claim =
  | {
      kind: "claimed";
      variants: FrozenVariant[];
      content: FrozenContent;
      quiet_hours: QuietHours | null;
      messages: ClaimedMessage[];
    }
  /** The channel may send again at `until`: its rate is used up, or its recipients of a day are. */
  | { kind: "limited"; until: Instant; by: "rate" | "recipients" }
  /** Nothing in the window can be claimed: all done, somebody else's, or the campaign may not send (more) now. */
  | { kind: "nothing" };

export interface Admission {
  /** Now SENDING: these must go out at once. */
  admitted: string[];
  /** Opted out since they were claimed. */
  opted_out: string[];
  /** Have had as many messages of late as the campaign's cap allows. */
  capped: string[];
  /** Their number had a message over this channel so shortly before that the next one must wait until `until`. */
  too_soon: { _id: string; until: Instant }[];
}

/** Which messages of a campaign; null takes all. */
export interface MessageFilter {
  status: MessageStatus | null;
  /** Why they are where they are, such as `opted_out` or `131026`. */
  code: string | null;
}

/** So many messages of a campaign stand in one place. `code` is null where the status needs none. */
export interface LedgerCount {
  status: MessageStatus;
  code: string | null;
  /** The index of the text: 0 for those that have not been on the wire. */
  variant: number;
  messages: number;
}

/** A message with the name of its lead as it is now; null where it has none, or has been deleted. */
export type NamedMessage = Message & { name: string | null };

export interface MessageStore {
  /**
   * Claims at most `max` pending messages of a running campaign's window, no more than the channel's rate and its recipients of a
   * day have room for now: each PENDING -> CLAIMED for one worker, whose lease ends after `leaseMs`.
   */
  claim(request: {
    campaign_id: string;
    channel_id: string;
    after: string | null;
    up_to: string;
    worker: string;
    max: number;
    limits: SendingLimits;
    leaseMs: number;
    now: Instant;
  }): Promise<Claim>;
  /**
   * CLAIMED -> SENDING with the text that goes out, for those that are still the worker's, whose campaign still runs and has not
   * expired, whose lead has not opted out nor had its share of messages, and for which the channel's limits have room; counts them
   * against the limits. What is not admitted stays as it is.
   */
  admit(request: {
    channel_id: string;
    worker: string;
    messages: readonly { _id: string; attempt: number; phone: string; text: string }[];
    limits: SendingLimits;
    now: Instant;
  }): Promise<Admission>;
  read(id: string): Promise<Message | null>;
  /** The messages of a campaign in the order of their leads: any page of a million in some ms. */
  ofCampaign(campaignId: string, request: PageRequest & MessageFilter): Promise<Page<Message>>;
  /** The next messages behind the one to the lead `after` (null: from the first), at most `limit`: to walk through all of them. */
  next(campaignId: string, request: MessageFilter & { after: string | null; limit: number }): Promise<NamedMessage[]>;
  /** What happened to a message, in the order in which it did. */
  history(id: string): Promise<MessageEvent[]>;
  /** The counters of a campaign, those above 0. */
  counts(campaignId: string): Promise<LedgerCount[]>;
  /** The counters and the same counted from the rows, of one moment: takes a second for some millions. */
  audit(campaignId: string): Promise<LedgerAudit>;
  /** How many messages the step `retry` would have tried again, by reason, or why it would not. */
  retryable(
    campaignId: string,
    choice: RetryChoice,
    now: Instant,
  ): Promise<{ kind: "counted"; counts: ReasonCount[] } | { kind: "refused"; reason: string } | { kind: "not_found" }>;
  /**
   * When the next message of a campaign that waits is looked at again, what it waits for, and when the last one is; null where
   * none does.
   */
  nextDue(campaignId: string): Promise<{ due_at: Instant; code: string; last_due_at: Instant } | null>;
  /** What goes out before a campaign's messages: those of campaigns on its channel that were started before it. */
  ahead(campaignId: string, now: Instant): Promise<{ messages: number; campaigns: number }>;
  /** How many messages of a campaign were admitted since `since`, at most two minutes ago. */
  sentSince(campaignId: string, since: Instant): Promise<number>;
  /** The messages to one lead, newest first, at most `limit`. */
  ofLead(leadId: string, limit: number): Promise<Message[]>;
  /** How many messages of running campaigns on the channel have not gone out yet. */
  waiting(channelId: string): Promise<number>;
  /** How much of `rate` the channel has used, and when the oldest of that no longer counts. */
  rateUse(channelId: string, rate: RateLimit, now: Instant): Promise<{ used: number; resetAt: Instant }>;
}

export interface InboundStore {
  /** The texts that came from a lead or from one of its numbers, newest first, at most `limit`. */
  ofLead(leadId: string, limit: number): Promise<InboundMessage[]>;
  /** How the recipients of each of a campaign's texts reacted; those without any reaction are left out. */
  reactions(campaignId: string): Promise<VariantReactions[]>;
}

/**
 * Messages to one person each: tests of a campaign's texts, and replies. What is counted elsewhere knows nothing of them, save the
 * channel's limits, of which they use the rate, and note the recipient.
 */
export interface DirectMessageStore {
  /**
   * PENDING -> SENDING for one worker whose lease ends after `leaseMs`, counted against the channel's limits. A test whose number
   * belongs to somebody who has opted out becomes SKIPPED; a reply answers what they wrote, and goes.
   */
  claim(request: { _id: string; worker: string; limits: SendingLimits; leaseMs: number; now: Instant }): Promise<DirectClaim>;
  /** Writes down what came of it, as `afterOutcome` says; a try that did not count is PENDING again. */
  record(request: { _id: string; worker: string; outcome: SendOutcome; now: Instant }): Promise<void>;
  /** Newest first. */
  ofCampaign(campaignId: string, request: PageRequest): Promise<Page<DirectMessage>>;
  /** The replies to one lead, newest first, at most `limit`. */
  ofLead(leadId: string, limit: number): Promise<DirectMessage[]>;
}

export type DirectClaim =
  | { kind: "claimed"; message: DirectMessage }
  /** The channel may send again at `until`. */
  | { kind: "limited"; until: Instant }
  /** It is not there to be sent, any more or at all. */
  | { kind: "nothing" };

/** A running process and its last sign of life. */
export interface ProcessSign {
  _id: string;
  role: "backend" | "workers";
  seen_at: Instant;
  detail: ProcessDetail;
}

/** What a process says of its parts. */
export interface ProcessDetail {
  /** Such as `{"jobExpander":"running"}`. */
  stages: Record<string, string>;
  channels: ChannelSign[];
}

export interface ProcessStore {
  sign(sign: ProcessSign): Promise<void>;
  gone(id: string): Promise<void>;
  /** A process that ended without a word: its claims and leases end now instead of later. */
  died(id: string, now: Instant): Promise<void>;
  /** The processes seen since `since`. */
  seenSince(since: Instant): Promise<ProcessSign[]>;
}

/** What a store says of its leads when it is asked to look twice. */
export interface LeadCheck {
  /** How many leads the store says that it has, and how many there are. */
  total: number;
  counted: number;
  /** How many leads were looked at, and what was found wrong with how they are recognised and found. */
  looked: number;
  problems: string[];
}

/** A lease that has ended, of messages that nobody has freed since. */
export interface OverdueClaim {
  worker: string;
  campaign_id: string;
  messages: number;
  until: Instant;
}

/** Looks for what can only be wrong where something is broken. Each verb only reads. */
export interface CheckStore {
  /** What the engine itself finds wrong with its data, in its own words, at most `limit`: looks at all of it. */
  integrity(limit: number): Promise<string[]>;
  /** Counts the leads, and looks at `sample` of them, spread over all. */
  leads(sample: number): Promise<LeadCheck>;
  /** The claims whose lease ended before `before`, at most `limit`. */
  overdueClaims(before: Instant, limit: number): Promise<OverdueClaim[]>;
}

/** What happened, numbered without gaps in the order in which it was committed; the newest `KEPT_ACTIVITIES` are kept. */
export interface ActivityStore {
  /** Notes what happens outside the steps, which note theirs themselves. */
  note(activities: readonly NewActivity[]): Promise<void>;
  /** The next activities behind number `seq`, at most `limit`. */
  after(seq: number, limit: number): Promise<Activity[]>;
  /** The oldest number that is kept and the newest that was given; `latest + 1` and `latest` where nothing is kept. */
  range(): Promise<{ oldest: number; latest: number }>;
}

/**
 * What steps raised and nobody has said to have published: written in the transaction of the steps, so that no crash comes between
 * the two.
 */
export interface OutboxStore {
  /** The oldest entries, at most `limit`, oldest first. */
  unpublished(limit: number): Promise<OutboxEntry[]>;
  /** Takes entries out; those that are gone already are passed over. */
  published(ids: readonly string[]): Promise<void>;
}

export interface OutboxEntry {
  _id: string;
  events: TopicEvent[];
}

export interface Store {
  leads: LeadStore;
  segments: SegmentStore;
  campaigns: CampaignStore;
  preflights: PreflightStore;
  messages: MessageStore;
  direct: DirectMessageStore;
  inbound: InboundStore;
  channels: ChannelStore;
  sessions: SessionStore;
  contacts: ContactStore;
  templates: TemplateStore;
  processes: ProcessStore;
  activity: ActivityStore;
  webhooks: WebhookStore;
  checks: CheckStore;
  outbox: OutboxStore;
  /**
   * Carries out steps in one transaction, with what they raise in the outbox. Called by event buses, which publish that, and then
   * take it out.
   */
  carryOut<const S extends readonly Step[]>(steps: S): Promise<CarriedOut<S>>;
  /** Rejects with an `AppError` where the store cannot be reached. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
