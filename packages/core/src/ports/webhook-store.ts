/** Owns the port to the webhooks that are kept, and to what is on its way to them. Each verb is atomic. */
import type { ActivityKind } from "../activity/activity.ts";
import type { Instant } from "../instant.ts";
import type { Delivery, DeliveryStatus, Webhook } from "../webhook/webhook.ts";
import type { Page, PageRequest } from "./store.ts";
import type { TransportAnswer } from "./webhook-transport.ts";

/** A delivery that one process may now try, with what a try needs. */
export interface ClaimedDelivery {
  _id: string;
  webhook_id: string;
  url: string;
  secret: string;
  body: string;
  /** Counts the tries from 1, and proves that the delivery is still this claim's. */
  attempt: number;
}

/** Whether a delivery is due at once now; nothing is of a webhook that is turned off. */
export type MadeDue = { kind: "due"; delivery: Delivery } | { kind: "not_found" } | { kind: "off" };

/**
 * Every activity that an enabled webhook wants is written down for it once, in the transaction that notes the activity.
 * Deliveries come at least once: a claim whose process dies is due again when its lease ends.
 */
export interface WebhookStore {
  /** Refuses where there are `MOST_WEBHOOKS` already. */
  create(webhook: Webhook): Promise<{ kind: "created" } | { kind: "full" }>;
  read(id: string): Promise<Webhook | null>;
  /** All of them, oldest first. */
  list(): Promise<Webhook[]>;
  /**
   * Replaces the given fields. Turned off, a webhook hears of nothing new, and what is pending waits; turned on, it begins with a
   * clean record, and what has waited is due at once.
   */
  change(id: string, fields: { url?: string; kinds?: ActivityKind[]; enabled?: boolean }, now: Instant): Promise<Webhook | null>;
  /** Removes a webhook with its deliveries. */
  remove(id: string): Promise<boolean>;
  /** Writes down a delivery of kind `webhook.test`, due at once, where the webhook is enabled. */
  test(id: string, deliveryId: string, now: Instant): Promise<MadeDue>;
  /** Claims at most `perWebhook` due deliveries of each webhook that is not among `busy`, for `leaseMs`. */
  claim(request: { busy: readonly string[]; perWebhook: number; leaseMs: number; now: Instant }): Promise<ClaimedDelivery[]>;
  /**
   * Writes a try down as `judgeAttempt` says, where the delivery is still this claim's. Answers what has become of it, and why
   * the webhook is turned off now, if it is.
   */
  record(request: {
    delivery_id: string;
    attempt: number;
    answer: TransportAnswer;
    durationMs: number;
    now: Instant;
  }): Promise<{ status: DeliveryStatus; turnedOff: string | null } | null>;
  /** Newest first, with the last tries of each. */
  deliveries(webhookId: string, request: PageRequest): Promise<Page<Delivery>>;
  /** Makes one delivery due at once, whatever came of it before. */
  retry(webhookId: string, deliveryId: string, now: Instant): Promise<MadeDue>;
  /** Forgets deliveries from before `before`, and of each webhook all but the newest `KEPT_DELIVERIES`. */
  sweep(before: Instant): Promise<number>;
}
