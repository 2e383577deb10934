/** Owns what an inbound text is, and how long after a message one counts as its answer. */
import type { InboundEvent } from "../event/topics.ts";
import type { Instant } from "../instant.ts";
import { type Wish, wishIn } from "../lead/stop-words.ts";
import { type Message, mayHaveArrived } from "./message.ts";

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

/** What a text asks for: what WhatsApp's own controls say, or else the text. */
export function wishOf({ wish, text }: Pick<InboundEvent, "wish" | "text">): Wish | null {
  return wish ?? wishIn(text);
}

/** A text counts as the answer to the last message that went to its sender within this time before it. */
export const ANSWER_WINDOW_MS = 72 * 3_600_000;

/** WhatsApp tells whole seconds: an answer may seem to be this much earlier than its message. */
export const ANSWER_EARLY_MS = 1_000;

/**
 * Of the messages that went from a channel to whoever wrote a text at `at`, the one that it answers: the last that went, or may
 * have gone, not long before; null where there is none.
 */
export function answeredMessage<M extends Pick<Message, "campaign_id" | "status"> & Partial<Pick<Message, "sending_at">>>(
  messages: Iterable<M>,
  at: Instant,
): M | null {
  let answered: M | null = null;
  for (const message of messages) {
    const sentAt = message.sending_at ?? null;
    if (sentAt === null || !mayHaveArrived(message.status)) continue;
    if (sentAt < at - ANSWER_WINDOW_MS || sentAt > at + ANSWER_EARLY_MS) continue;
    const last = answered?.sending_at ?? -Infinity;
    if (sentAt > last || (sentAt === last && message.campaign_id > (answered?.campaign_id ?? ""))) answered = message;
  }
  return answered;
}

export type Reaction = "replied" | "opted_out";
type Reactions = Pick<Message, "replied_at" | "opted_out_at">;

/** When a message was first answered, and with a stop, after an answer of `at`; `first` are the reactions that are new. */
export function afterAnswer(known: Partial<Reactions>, wish: Wish | null, at: Instant): Reactions & { first: Reaction[] } {
  const { replied_at = null, opted_out_at = null } = known;
  const isStop = wish === "stop";
  const first: Reaction[] = [];
  if (replied_at === null) first.push("replied");
  if (isStop && opted_out_at === null) first.push("opted_out");
  return {
    replied_at: Math.min(at, replied_at ?? at),
    opted_out_at: isStop ? Math.min(at, opted_out_at ?? at) : opted_out_at,
    first,
  };
}
