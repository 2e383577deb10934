/** Owns the steps that move campaigns forward: each changes the store atomically and raises the events that come next. */
import type { Campaign, FrozenRun } from "../campaign/campaign.ts";
import type { SteeringCommand } from "../campaign/lifecycle.ts";
import type { StatusEvent, TopicEvent } from "../event/topics.ts";
import type { Instant } from "../instant.ts";
import type { SendOutcome } from "../message/outcome.ts";

/** The outcome of one try; `attempt` and the worker's name prove that the message is still that worker's. */
export interface AttemptOutcome {
  message_id: string;
  attempt: number;
  outcome: SendOutcome;
}

/** Every step, with what it takes and what it answers. */
export interface StepTable {
  /** DRAFT -> RUNNING with the audience frozen, where its template is still the frozen one; raises the campaign's job. */
  start: {
    input: { campaign_id: string; frozen: FrozenRun; expected: number; now: Instant };
    result: { kind: "started" } | { kind: "not_startable" };
  };
  /**
   * Pauses, resumes or cancels a campaign, where `transition` allows it. Nothing of a campaign that is not RUNNING is claimed or
   * admitted. Resuming and cancelling raise its job: what is pending is looked at again, or cancelled.
   */
  steer: {
    input: { campaign_id: string; command: SteeringCommand; now: Instant };
    result: { kind: "steered" | "already"; campaign: Campaign } | { kind: "refused"; reason: string } | { kind: "not_found" };
  };
  /**
   * Writes the message rows of the next window of leads after `after`, one per matching lead, once; raises a look at the
   * window's pending messages and, unless it was the last window, the job of the next one. Doing it again writes nothing new;
   * `last` is true once a campaign. Of an audience that is already written down it only raises a look at all that is pending; of
   * a cancelled campaign it cancels the next messages that have not gone out.
   */
  expand: {
    input: { campaign_id: string; after: string | null; leadsPerWindow: number; now: Instant };
    result:
      | { kind: "expanded"; written: number; last: boolean }
      | { kind: "cancelled"; messages: number }
      | { kind: "not_running" };
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
   * campaigns whose receipts are overdue complete.
   */
  recover: {
    input: { now: Instant; receiptWindowMs: number; limit: number };
    result: { freed: number; uncertain: number; due: number; completed: string[] };
  };
  /**
   * Raises the job of every campaign that runs, or is not wholly cancelled yet, again: what a start does, so that no lost event
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

/** What carrying out steps gives: one result a step, and the events that they raised, in order. */
export interface CarriedOut<S extends readonly Step[]> {
  results: StepResults<S>;
  raised: TopicEvent[];
}
