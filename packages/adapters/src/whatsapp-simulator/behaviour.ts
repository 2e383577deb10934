/** Owns how the simulated WhatsApp behaves: every setting with its meaning, and what it does unless told otherwise. */

/** A span of milliseconds to draw from. */
export interface SpanMs {
  fromMs: number;
  toMs: number;
}

/**
 * Shares are from 0 to 1. A number is listed in E.164, or as its beginning with a star (`+1999*`). What happens to a message is
 * drawn from the seed and the message's identifier alone, so changing one setting changes nothing else.
 */
export interface SimulatorBehaviour {
  /** From sending to the answer. The message leaves at the end of it. */
  latency: SpanMs;
  /** From leaving to the SENT receipt; null for a WhatsApp that gives none, because its answer says as much. */
  sentAfter: SpanMs | null;
  /** From leaving to DELIVERED, or to FAILED. */
  deliveredAfter: SpanMs;
  /** From leaving to READ; never before DELIVERED. */
  readAfter: SpanMs;
  /** How many of the delivered messages are read. */
  readShare: number;
  /** How many messages are accepted and FAILED later (131026). */
  undeliverableShare: number;
  /** How many of the delivered messages are answered with STOP, and how many with something else. */
  stopShare: number;
  replyShare: number;
  /** From DELIVERED to the answer. */
  replyAfter: SpanMs;
  /** How many messages have each receipt twice, the second one later by `lateBy`. */
  doubledShare: number;
  /** How many messages have their receipts handed over later by `lateBy` than they happened. */
  lateShare: number;
  lateBy: SpanMs;
  /** How many messages have their receipts handed over in the wrong order: all when the last one has happened, that one first. */
  shuffledShare: number;
  /** Numbers that are not on WhatsApp: refused for good (131026). */
  notOnWhatsApp: readonly string[];
  /** How many of all other numbers are not on WhatsApp either. */
  notOnWhatsAppShare: number;
  /** Numbers for which sending is always refused for now (131056). */
  busyNumbers: readonly string[];
  /** How many messages are refused for now the first time that they are sent (131000), and accepted after that. */
  retryableShare: number;
  /** How many messages leave without an answer for as long as `hangFor`: then their outcome is unknown. */
  hangShare: number;
  hangFor: SpanMs;
  /** How many messages leave and have the connection cut before the answer: their outcome is unknown. */
  cutShare: number;
  /** WhatsApp cannot be reached: nothing leaves, and no receipts come. */
  unreachable: boolean;
  /** The account sends too fast (130429): nothing leaves. */
  rateLimited: { retryAfterMs: number } | null;
  /** What WhatsApp warns the account of, in words. */
  warning: string | null;
}

export const DEFAULT_BEHAVIOUR: SimulatorBehaviour = {
  latency: { fromMs: 50, toMs: 250 },
  sentAfter: { fromMs: 0, toMs: 100 },
  deliveredAfter: { fromMs: 300, toMs: 2_000 },
  readAfter: { fromMs: 120_000, toMs: 900_000 },
  readShare: 0.8,
  undeliverableShare: 0,
  stopShare: 0,
  replyShare: 0,
  replyAfter: { fromMs: 10_000, toMs: 600_000 },
  doubledShare: 0,
  lateShare: 0,
  lateBy: { fromMs: 5_000, toMs: 60_000 },
  shuffledShare: 0,
  notOnWhatsApp: [],
  notOnWhatsAppShare: 0,
  busyNumbers: [],
  retryableShare: 0,
  hangShare: 0,
  hangFor: { fromMs: 60_000, toMs: 60_000 },
  cutShare: 0,
  unreachable: false,
  rateLimited: null,
  warning: null,
};

/** Tells whether `numbers` lists `phone`, by itself or by its beginning. */
export function lists(numbers: readonly string[], phone: string): boolean {
  return numbers.some((number) => (number.endsWith("*") ? phone.startsWith(number.slice(0, -1)) : number === phone));
}
