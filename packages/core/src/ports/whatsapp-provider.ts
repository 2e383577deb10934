/** Owns the port to WhatsApp: sending, what comes back later, and the truth about the connection. */
import type { Connection, ConnectionState, PairingMethod } from "../channel/connection.ts";
import type { Instant } from "../instant.ts";
import type { Wish } from "../lead/stop-words.ts";
import type { Content } from "../message/content.ts";
import type { ReceiptStatus } from "../message/message.ts";

export interface ProviderHealth extends Connection {
  /** What the account was warned of, in words, such as a low quality rating; null where nothing. */
  warning: string | null;
  /** True where another process has the session, and this one would take it over. */
  standsBy: boolean;
  deviceId: string;
  userName: string;
  /** How many different people the account may write to in any 24 hours; null: as many as one likes, or nobody knows. */
  recipientsPerDay: number | null;
}

export interface OutgoingMessage extends Content {
  /** The message's own identifier: comes back in every receipt. */
  messageId: string;
  /** E.164. */
  to: string;
}

/**
 * What the provider answered:
 * `accepted`; `retryable`: surely not sent, try again, for this recipient or for the whole account; `deferred`: surely not sent, and
 * to this recipient not for `afterMs`; `permanent`: never will be, to this recipient (who, with a `wish` to stop, wants no more)
 * or for anybody of this campaign; `session`: the connection must be mended first; `unknown`: the request left and no answer came.
 */
export type SendAnswer =
  | { kind: "accepted"; providerId: string }
  | { kind: "retryable"; scope: "recipient" | "account"; code: string; reason: string; retryAfterMs: number | null }
  | { kind: "deferred"; code: string; reason: string; afterMs: number }
  | { kind: "permanent"; scope: "recipient" | "campaign"; code: string; reason: string; wish: Wish | null }
  | { kind: "session"; state: ConnectionState; reason: string }
  | { kind: "unknown"; reason: string };

export interface Receipt {
  messageId: string;
  status: ReceiptStatus;
  at: Instant;
  code: string | null;
  reason: string | null;
}

/** A text that somebody wrote to the number. */
export interface InboundText {
  /** Its identifier at WhatsApp: the same whenever it is handed over. */
  providerId: string;
  /** E.164; null where WhatsApp tells only `userId`. */
  from: string | null;
  /** WhatsApp's own name for the sender towards this business; null where it tells none. */
  userId: string | null;
  /** What the sender calls themself, where WhatsApp tells. */
  name: string | null;
  text: string;
  /** What the sender asked for by WhatsApp's own controls; null: only the text says. */
  wish: Wish | null;
  at: Instant;
}

/** Whether a provider did what a person asked for; `reason` says in words why not. */
export type OrderAnswer = { kind: "done" } | { kind: "refused"; reason: string };

export interface WhatsAppProvider {
  /** Connects, and goes on delivering receipts of messages that were sent before a restart. */
  start(): Promise<void>;
  /** Ends the connection; sends under way are answered first. */
  stop(): Promise<void>;
  health(): ProviderHealth;
  /** Links it to a phone anew, by the number `phone` (E.164) where it goes by `code`; what there is to scan or type stands in `health`. */
  pair(request: { method: PairingMethod; phone: string | null }): Promise<OrderAnswer>;
  /** Unlinks it, and forgets the session. */
  logOut(): Promise<OrderAnswer>;
  /** Which of these numbers have WhatsApp, in the order asked; null where WhatsApp tells that to nobody. */
  checkNumbers(phones: readonly string[]): Promise<{ phone: string; registered: boolean | null }[]>;
  /** Sends one message. Never rejects for what a provider can answer; a rejection means that the outcome is unknown. */
  send(message: OutgoingMessage): Promise<SendAnswer>;
  /**
   * Hands receipts over in batches, at least once, in any order: a batch whose listener rejects comes again. The returned
   * function ends it.
   */
  onReceipts(listener: (receipts: readonly Receipt[]) => Promise<void>): () => void;
  /** Hands over what people write, with the same promise as `onReceipts`; also what they wrote while nobody was connected. */
  onTexts(listener: (texts: readonly InboundText[]) => Promise<void>): () => void;
}
