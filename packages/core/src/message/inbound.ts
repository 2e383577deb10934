/** Owns what an inbound text is, and how long after a message one counts as its answer. */
import type { Instant } from "../instant.ts";
import type { Wish } from "../lead/stop-words.ts";

/** A text that somebody wrote to one of our numbers, as it is kept. */
export interface InboundMessage {
  /** Its identifier at the provider. */
  _id: string;
  channel_id: string;
  /** The sender's number, in E.164. */
  phone: string;
  /** What the sender calls themself, where WhatsApp tells. */
  name: string | null;
  /** The oldest of the leads that had this number when it came; null where nobody had. */
  lead_id: string | null;
  text: string;
  /** What it asks for; null for everything else that people write. */
  wish: Wish | null;
  /** The campaign that it answers. */
  campaign_id: string | null;
  /** When it was written, and when it was heard of here. */
  at: Instant;
  received_at: Instant;
}

/** A text counts as the answer to the last message that went to its sender within this time before it. */
export const ANSWER_WINDOW_MS = 72 * 3_600_000;

/** WhatsApp tells whole seconds: an answer may seem to be this much earlier than its message. */
export const ANSWER_EARLY_MS = 1_000;
