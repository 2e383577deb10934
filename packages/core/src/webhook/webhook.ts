/** Owns what a webhook is: an address outside that hears of activities, and whose turn it is when that address does not answer. */
import { ACTIVITY_KINDS, type ActivityKind } from "../activity/activity.ts";
import { unreachable } from "../app-error.ts";
import type { Instant } from "../instant.ts";
import type { TransportAnswer } from "../ports/webhook-transport.ts";

export interface Webhook {
  _id: string;
  url: string;
  /** `whsec_` and base64. Signing needs it in clear, so whoever can read the database can sign. */
  secret: string;
  kinds: ActivityKind[];
  enabled: boolean;
  /** Why it was turned off, where nobody did it by hand. */
  off_reason: string | null;
  /** Since when no try has succeeded; null where the last one did, or there was none. */
  failing_since: Instant | null;
  created_at: Instant;
  updated_at: Instant;
}

/** The figures change every second, and who sees a pairing's QR code can link a device of their own to the number. */
const ONLY_BY_NAME: readonly ActivityKind[] = ["campaign.progress", "channel.pairing"];

/** What a webhook hears of where nothing else is said. */
export const DEFAULT_WEBHOOK_KINDS: readonly ActivityKind[] = ACTIVITY_KINDS.filter((kind) => !ONLY_BY_NAME.includes(kind));

/** What a delivery can be of. */
export type DeliveryKind = ActivityKind | "webhook.test";

/**
 *     PENDING -> DELIVERED | FAILED
 *        ^-- retries, by itself or by hand
 */
export type DeliveryStatus = "PENDING" | "DELIVERED" | "FAILED";

/** One activity on its way to one webhook. */
export interface Delivery {
  /** The same for every try, so that the receiver can drop repeats. */
  _id: string;
  webhook_id: string;
  kind: DeliveryKind;
  status: DeliveryStatus;
  /** When the next try is due; null where there is none, or the webhook is turned off. */
  due_at: Instant | null;
  created_at: Instant;
  /** The last tries, oldest first. */
  attempts: Attempt[];
}

/** One try, as the log of deliveries shows it. */
export interface Attempt {
  at: Instant;
  duration_ms: number;
  /** The HTTP status; null where no answer came. */
  status: number | null;
  /** What went wrong, in words; null where it was delivered. */
  reason: string | null;
  /** The beginning of what the receiver answered. */
  answer: string | null;
}

/** How many of a delivery's tries are kept. */
export const KEPT_ATTEMPTS = 20;
/** How many deliveries of a webhook are kept, the newest, and for how long. */
export const KEPT_DELIVERIES = 10_000;
export const KEPT_DELIVERIES_MS = 7 * 86_400_000;
/** How many webhooks there may be. */
export const MOST_WEBHOOKS = 20;

/** What a delivery tells. */
export interface News {
  kind: DeliveryKind;
  at: Instant;
  subject: string | null;
  data: object;
}

/** What a person has a webhook told to see whether it hears. */
export function testNews(webhookId: string, at: Instant): News {
  return { kind: "webhook.test", at, subject: webhookId, data: { message: "A test of this webhook." } };
}

/** The body of every try. */
export function bodyOf({ kind, at, subject, data }: News): string {
  return JSON.stringify({ type: kind, timestamp: new Date(at).toISOString(), data: { subject, ...data } });
}

/** A delivery, due at once, with what is kept besides what the log shows. */
export function newDelivery(webhook_id: string, _id: string, news: News): Delivery & { body: string; attempt: number } {
  const { kind, at } = news;
  return { _id, webhook_id, kind, body: bodyOf(news), status: "PENDING", attempt: 0, due_at: at, created_at: at, attempts: [] };
}

/** After the first try, how long until each further one. */
const RETRIES_AFTER_MS = [5_000, 30_000, 120_000, 600_000, 3_600_000, 10_800_000, 28_800_000];
const TURNED_OFF_AFTER_MS = 86_400_000;

/** What a try means for the delivery and for its webhook. */
export interface AttemptVerdict {
  status: DeliveryStatus;
  due_at: Instant | null;
  /** What the log says went wrong. */
  reason: string | null;
  failing_since: Instant | null;
  /** Why the webhook is turned off now; null where it is not. */
  turnOff: string | null;
}

/**
 * Judges the `attempt`-th try, counted from 1, of a webhook that has been failing since `failingSince`. Only 2xx is success; 410
 * means that the receiver wants no more.
 */
export function judgeAttempt(
  answer: TransportAnswer,
  { attempt, failingSince, now }: { attempt: number; failingSince: Instant | null; now: Instant },
): AttemptVerdict {
  const reason = failureOf(answer);
  if (reason === null) return { status: "DELIVERED", due_at: null, reason, failing_since: null, turnOff: null };
  const failing_since = failingSince ?? now;
  if (answer.kind === "answered" && answer.status === 410) {
    return { status: "FAILED", due_at: null, reason, failing_since, turnOff: "It answered 410: it wants no more deliveries." };
  }
  const waitMs = RETRIES_AFTER_MS[attempt - 1];
  const turnOff =
    now - failing_since >= TURNED_OFF_AFTER_MS ? `No delivery has succeeded for a day. The last time: ${reason}` : null;
  if (waitMs === undefined) return { status: "FAILED", due_at: null, reason, failing_since, turnOff };
  return { status: "PENDING", due_at: now + waitMs, reason, failing_since, turnOff };
}

/** What is written down of a try. Nothing of a webhook that is turned off is due, and it is not turned off again. */
export function afterAttempt(
  { attempts }: Pick<Delivery, "attempts">,
  { enabled, failing_since }: Pick<Webhook, "enabled" | "failing_since">,
  tried: { attempt: number; answer: TransportAnswer; durationMs: number; now: Instant },
): { delivery: Pick<Delivery, "status" | "due_at" | "attempts">; failing_since: Instant | null; turnOff: string | null } {
  const { attempt, answer, durationMs, now } = tried;
  const verdict = judgeAttempt(answer, { attempt, failingSince: failing_since, now });
  const answered =
    answer.kind === "answered" ? { status: answer.status, answer: answer.excerpt } : { status: null, answer: null };
  const entry: Attempt = { at: now - durationMs, duration_ms: durationMs, reason: verdict.reason, ...answered };
  return {
    delivery: {
      status: verdict.status,
      due_at: enabled ? verdict.due_at : null,
      attempts: [...attempts, entry].slice(-KEPT_ATTEMPTS),
    },
    failing_since: verdict.failing_since,
    turnOff: enabled ? verdict.turnOff : null,
  };
}

/** What went wrong; null where nothing did. */
function failureOf(answer: TransportAnswer): string | null {
  switch (answer.kind) {
    case "answered":
      return answer.status >= 200 && answer.status < 300 ? null : `It answered ${answer.status}.`;
    case "refused":
    case "failed":
      return answer.reason;
    default:
      return unreachable(answer);
  }
}
