/** Owns the list of what the backend needs from outside. */
import type { Instant } from "@mini-crm/core/instant";
import type { EncodedLeads } from "@mini-crm/core/lead/read-leads";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { EventBus } from "@mini-crm/core/ports/event-bus";
import type { Store } from "@mini-crm/core/ports/store";
import type { Vault } from "@mini-crm/core/ports/vault";
import type { WebhookTransport } from "@mini-crm/core/ports/webhook-transport";
import type { Rule } from "@mini-crm/core/segment/rule";
import type { Inbox } from "@mini-crm/runtime/webhook-inbox";
import type { FastifyBaseLogger } from "fastify";
import type { WebhookNews } from "./webhook-news.ts";

export interface BackendDeps {
  store: Store;
  bus: EventBus;
  clock: Clock;
  log: FastifyBaseLogger;
  /** A new identifier for a segment or a campaign. */
  newId: () => string;
  /** Reads a bulk body, on a thread of its own. */
  readLeads: (body: Uint8Array) => Promise<EncodedLeads>;
  /** A rule as the MongoDB query that means the same, whichever engine runs it. */
  ruleAsMongoQuery: (rule: Rule, now: Instant) => unknown;
  /** Knows which addresses webhooks may not have. */
  webhookTransport: Pick<WebhookTransport, "refusalOf">;
  /** What Meta's webhooks tell, until it is worked through. */
  webhookInbox: Inbox<WebhookNews>;
  /** The channel that a new campaign sends through. */
  defaultChannelId: string;
  /** The most messages in any minute of a channel that says nothing else; 0 for no limit. */
  messagesPerMinute: number;
  /** Where others reach the backend; null: as whoever asks has called it. */
  publicUrl: string | null;
  /** Seals the secrets of channels. */
  vault: Vault;
  /** How long a campaign waits for receipts before it completes without them. */
  receiptWindowMs: number;
  /** Null lets everybody call. */
  apiKey: string | null;
  /** Which engine plays each role, such as `sqlite` and `embedded`. */
  engines: { database: string; eventBus: string };
  version: string;
}
