/** Owns the steps that move campaigns forward: each changes the store atomically and raises the events that come next. */
import type { Campaign, FrozenRun, Hold } from "../campaign/campaign.ts";
import type { SteeringCommand } from "../campaign/lifecycle.ts";
import type { InboundEvent, MessageWindow, StatusEvent, TopicEvent } from "../event/topics.ts";
import type { Instant } from "../instant.ts";
import type { DirectMessage } from "../message/direct-message.ts";
import type { SendOutcome } from "../message/outcome.ts";
import type { RetryableStatus } from "../message/retry.ts";

/** The outcome of one try; `attempt` and the worker's name prove that the message is still that worker's. */
export interface AttemptOutcome {
  message_id: string;
  attempt: number;
  outcome: SendOutcome;
}

export type SteeringResult =
  | { kind: "steered" | "already"; campaign: Campaign }
  | { kind: "refused"; reason: string }
  | { kind: "not_found" };

/** Which messages a person wants tried again. */
export interface RetryChoice {
  /** UNCERTAIN ones may have gone out: whoever chooses them takes that upon themselves. */
  status: RetryableStatus;
  /** Only with this reason; null for any. */
  code: string | null;
  /** Only to these leads; null for all. */
  lead_ids: readonly string[] | null;
}

/** So many messages of a choice, by why they are where they are. */
export interface ReasonCount {
  code: string | null;
  messages: number;
}

/** Every step, with what it takes and what it answers. */
export interface StepTable {
  /**
   * DRAFT or SCHEDULED -> RUNNING with the audience frozen, where it has not changed since `seenAt`, its `updated_at`, and, where `scheduledFor` is
   * given, it is still SCHEDULED for that moment; raises the campaign's job.
   */
  start: {
    input: {
      campaign_id: string;
      seenAt: Instant;
      frozen: FrozenRun;
      expected: number;
      now: Instant;
      scheduledFor?: Instant | null;
    };
    result: { kind: "started" } | { kind: "not_startable" };
  };
  /**
   * Pauses, resumes or cancels a campaign, where `transition` allows it. Nothing of a campaign that is not RUNNING is claimed or
   * admitted. Resuming and cancelling raise its job: what is pending is looked at again, or cancelled.
   */
  steer: {
    input: { campaign_id: string; command: SteeringCommand; now: Instant };
    result: SteeringResult;
  };
  /**
   * Says when a campaign starts by itself, or (null) that it does not; where `transition` allows it, and `scheduleRefusal` has
   * nothing against it. Ends a hold.
   */
  schedule: {
    input: { campaign_id: string; at: Instant | null; graceMs: number; now: Instant };
    result: SteeringResult;
  };
  /**
   * Leaves it to a person: a RUNNING campaign is PAUSED, a SCHEDULED one no longer starts by itself; others stay as they are, and
   * so does one that is no longer SCHEDULED for the moment `scheduledFor`, where that is given.
   */
  hold: { input: { campaign_id: string; hold: Hold; scheduledFor?: Instant | null }; result: { held: boolean } };
  /**
   * Has the next `limit` messages of a choice behind the one to the lead `after` tried again, where `transition` allows it:
   * PENDING, with tries counted anew. Raises a look at all that is pending. `next` is the `after` of those that are left, null
   * where there are none. Changes nothing where there are not `expected` of the whole choice (null: however many there are).
   */
  retry: {
    input: {
      campaign_id: string;
      choice: RetryChoice;
      after: string | null;
      limit: number;
      expected: number | null;
      now: Instant;
    };
    result:
      | { kind: "retried"; counts: ReasonCount[]; next: string | null }
      | { kind: "changed"; counts: ReasonCount[] }
      | { kind: "refused"; reason: string }
      | { kind: "not_found" };
  };
  /**
   * Writes the message rows of the next window of leads after `after`, one per matching lead, once; raises a look at the
   * window's pending messages and, unless it was the last window, the job of the next one. Doing it again writes nothing new;
   * `last` is true once a campaign. Of an audience that is already written down it only raises a look at all that is pending; of
   * a campaign that is cancelled or has expired it ends the next messages that have not gone out: see `endingOf`.
   */
  expand: {
    input: { campaign_id: string; after: string | null; leadsPerWindow: number; now: Instant };
    result: { kind: "expanded"; written: number; last: boolean } | { kind: "ended"; messages: number } | { kind: "not_running" };
  };
  /** Writes down what came of claimed messages, where they are still the worker's; raises their statuses. */
  record: {
    input: { worker: string; outcomes: readonly AttemptOutcome[]; now: Instant };
    result: { applied: number };
  };
  /** Applies receipts, each only forward, and completes those of `campaigns` and of the receipts' campaigns that are done. */
  fold: {
    input: { receipts: readonly StatusEvent[]; campaigns: readonly string[]; now: Instant; receiptWindowMs: number };
    result: { moved: number; completed: string[] };
  };
  /**
   * Puts right what time has changed: expired claims are free again, expired sends are uncertain, due retries are looked at,
   * campaigns whose receipts are overdue complete, those that have expired end, and the autopilot looks at its canaries.
   * `warnings` are what the accounts behind channels were warned of.
   */
  recover: {
    input: { now: Instant; receiptWindowMs: number; limit: number; warnings: Readonly<Record<string, string>> };
    result: { freed: number; uncertain: number; due: number; completed: string[] };
  };
  /** Writes messages to one person each down, and raises a look at each. */
  write: { input: { messages: readonly DirectMessage[] }; result: { queued: number } };
  /**
   * Writes inbound texts down, each once: one that is known does nothing. A stop opts out every lead with the sender's number, a
   * start opts in again those that a stop opted out. Where one of these leads was sent a message not long before, the text is its
   * answer. Where nobody has the sender's number and the channel says so, a lead is made of the sender. When somebody last wrote to
   * the channel is noted, and under which name WhatsApp knows them. `heard` are the texts that were new, `opted_out` the leads that
   * were not opted out before.
   */
  hear: {
    input: { texts: readonly InboundEvent[]; now: Instant };
    result: { heard: number; opted_out: number };
  };
  /** Raises looks again, behind all that wait by now. */
  requeue: { input: { windows: readonly MessageWindow[] }; result: { requeued: number } };
  /**
   * Raises the job of every campaign that runs, or has not wholly ended yet, again: what a start does, so that no lost event
   * stops a campaign.
   */
  resume: { input: { now: Instant }; result: { campaigns: number } };
}

export type StepName = keyof StepTable;
export type Step<N extends StepName = StepName> = { [K in N]: { step: K; input: StepTable[K]["input"] } }[N];
export type StepResult<N extends StepName> = StepTable[N]["result"];
export type StepResults<S extends readonly Step[]> = {
  -readonly [I in keyof S]: S[I] extends { step: infer N extends StepName } ? StepResult<N> : never;
};

/**
 * What carrying out steps gives: one result a step, and the events that they raised, in order. These lie in the store's outbox under
 * `outbox_id` as well, which is null where there are none.
 */
export interface CarriedOut<S extends readonly Step[]> {
  results: StepResults<S>;
  raised: TopicEvent[];
  outbox_id: string | null;
}
