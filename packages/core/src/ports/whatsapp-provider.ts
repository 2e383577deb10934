/** Owns the port to WhatsApp: sending, what comes back later, and the truth about the connection. */
import type { Instant } from "../instant.ts";
import type { ReceiptStatus } from "../message/message.ts";

/** Where a session stands. Only `open` sends. */
export type SessionState =
  | "stopped"
  | "connecting"
  | "awaiting_scan"
  | "syncing"
  | "open"
  | "reconnecting"
  | "restricted"
  | "replaced"
  | "auth_invalid"
  | "logged_out"
  | "banned";

export interface ProviderHealth {
  state: SessionState;
  /** Since when, and why in words where it is not `open`. */
  since: Instant;
  reason: string | null;
  /** What the account was warned of, in words, such as a low quality rating; null where nothing. */
  warning: string | null;
  deviceId: string;
  userName: string;
}

export interface OutgoingText {
  /** The message's own identifier: comes back in every receipt. */
  messageId: string;
  /** E.164. */
  to: string;
  text: string;
}

/**
 * What the provider answered:
 * `accepted`; `retryable`: surely not sent, try again, for this recipient or for the whole account; `permanent`: never will be;
 * `session`: the connection must be mended first; `unknown`: the request left and no answer came.
 */
export type SendAnswer =
  | { kind: "accepted"; providerId: string }
  | { kind: "retryable"; scope: "recipient" | "account"; code: string; reason: string; retryAfterMs: number | null }
  | { kind: "permanent"; scope: "recipient" | "campaign"; code: string; reason: string }
  | { kind: "session"; state: SessionState; reason: string }
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
  /** E.164. */
  from: string;
  /** What the sender calls themself, where WhatsApp tells. */
  name: string | null;
  text: string;
  at: Instant;
}

export interface WhatsAppProvider {
  /** Connects, and goes on delivering receipts of messages that were sent before a restart. */
  start(): Promise<void>;
  /** Ends the connection; sends under way are answered first. */
  stop(): Promise<void>;
  health(): ProviderHealth;
  /** Which of these numbers have WhatsApp. */
  checkNumbers(phones: readonly string[]): Promise<{ phone: string; registered: boolean }[]>;
  /** Sends one text. Never rejects for what a provider can answer; a rejection means that the outcome is unknown. */
  send(message: OutgoingText): Promise<SendAnswer>;
  /**
   * Hands receipts over in batches, at least once, in any order: a batch whose listener rejects comes again. The returned
   * function ends it.
   */
  onReceipts(listener: (receipts: readonly Receipt[]) => Promise<void>): () => void;
  /** Hands over what people write, with the same promise as `onReceipts`; also what they wrote while nobody was connected. */
  onTexts(listener: (texts: readonly InboundText[]) => Promise<void>): () => void;
}
