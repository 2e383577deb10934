/** Owns what a test message is: one of a campaign's texts, sent to be looked at. It is in no figure of any campaign. */
import type { Instant } from "../instant.ts";
import type { MessageStatus } from "./message.ts";

/**
 *     PENDING -> SENDING -> SENT -> DELIVERED -> READ
 *        +          +-> FAILED, UNCERTAIN, or PENDING again where nobody was asked
 *        +-> SKIPPED
 *
 * As for every message: it is tried once, and where nobody knows what came of that, it is never sent again by itself.
 */
export interface TestMessage {
  /** Also the provider's name for it: 24 digits, where a campaign's messages have 48. */
  _id: string;
  campaign_id: string;
  channel_id: string;
  /** Whose data the text shows. */
  lead_id: string;
  /** Where it goes, in E.164. */
  phone: string;
  /** The name of the text. */
  variant: string;
  /** Just what a recipient would be sent. */
  text: string;
  status: Exclude<MessageStatus, "CLAIMED" | "CANCELLED">;
  code: string | null;
  reason: string | null;
  provider_id: string | null;
  created_at: Instant;
  sending_at: Instant | null;
  sent_at: Instant | null;
  delivered_at: Instant | null;
  read_at: Instant | null;
}
