/** Owns what a number of the twin is: who it belongs to, who is told of it, and what it may send. */

export interface TwinNumber {
  phoneNumberId: string;
  /** The WhatsApp Business Account, which owns the templates. */
  businessAccountId: string;
  /** As people write it, such as `+1 555-078-3881`. */
  displayPhoneNumber: string;
  verifiedName: string;
  /** What requests must bear. */
  accessToken: string;
  /** What webhooks are signed with. */
  appSecret: string;
  /** Who is told of statuses and texts; null: nobody, and they wait until there is somebody. */
  webhookUrl: string | null;
  /** What the twin says when it verifies the webhook's address. */
  verifyToken: string;
  /** The steady rate (130429); in a moment a quarter more. 80 by default; null for no bound. */
  messagesPerSecond?: number | null;
  /** The tier: to so many different people it may write of its own accord in any 24 hours (131048). Null, the default: to all. */
  recipientsPerDay?: number | null;
  /** To one recipient one message in this time (131056). 6,000 by default; null for no bound. */
  pairMs?: number | null;
  /** Free-form messages fail later than this after the recipient's last text (131047). 24 hours by default; null: they never do. */
  windowMs?: number | null;
}
