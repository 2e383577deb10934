/** Owns the port to the event bus: how events are published, consumed in batches, and committed with what they caused. */
import type { Topic, TopicEvent, TopicValues } from "../event/topics.ts";
import type { Step, StepResults } from "./steps.ts";

/** A bounded batch of one topic's events, in their order, handed to a consumer. */
export interface Batch<T extends Topic> {
  events: readonly { key: string; value: TopicValues[T] }[];
  /**
   * Aborts when the consumer closes or another process takes over: a handler that waits gives up by throwing, and the batch comes
   * again later.
   */
  signal: AbortSignal;
  /**
   * Carries out `steps` in the store, publishes what they raise, and marks the batch as done. In one transaction where store
   * and bus share a database; elsewhere in this order, so that a crash in between only repeats, and what cannot be published yet
   * stays in the store's outbox until it can be. Call it once, at the end.
   */
  commit<const S extends readonly Step[]>(steps: S): Promise<StepResults<S>>;
}

export interface Consumer<T extends Topic> {
  topic: T;
  /** Consumers with one group name share the topic's events; each group sees all of them. */
  group: string;
  /** The most events in one batch. */
  batchSize: number;
  /**
   * Handles a batch; one that returns without having committed is marked as done. One that throws gets the batch again: for a
   * retryable `AppError` as often as it takes, for anything else a few times, then event by event, until the event that cannot
   * be handled stands alone and goes to the topic's dead letters.
   */
  handler: (batch: Batch<T>) => Promise<void>;
  /** Hears of every failed try, with the reason. */
  onError: (error: unknown) => void;
}

/** A running consumer. */
export interface Consumption {
  /** Stops after the batch in hand; resolves when it is committed or given back. */
  close(): Promise<void>;
}

export interface EventBus {
  /** Appends events to their topics; resolves when they are durable. */
  publish(events: readonly TopicEvent[]): Promise<void>;
  /** Carries out `steps` in the store and publishes what they raise, with the same promise as a batch's `commit`. */
  commit<const S extends readonly Step[]>(steps: S): Promise<StepResults<S>>;
  consume<T extends Topic>(consumer: Consumer<T>): Consumption;
  /** How many events of `topic` the group has not finished yet. */
  lag(topic: Topic, group: string): Promise<number>;
  /** The same of every group that has ever read the topic. */
  lags(topic: Topic): Promise<{ group: string; events: number }[]>;
  /** The dead letters of a topic, oldest first, at most `limit`. */
  deadLetters(topic: Topic, limit: number): Promise<{ key: string; value: unknown; reason: string }[]>;
  /** Rejects with an `AppError` where the bus cannot be reached. */
  ping(): Promise<void>;
  /** Closes what is still consuming, then the connection. */
  close(): Promise<void>;
}
