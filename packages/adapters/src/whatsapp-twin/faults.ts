/** Owns the errors on demand: which messages are to be answered wrongly, by what, and for how long. */
import type { Clock } from "@mini-crm/core/ports/clock";
import { lists } from "../whatsapp-simulator/behaviour.ts";

/** Which messages are meant; what is left out bounds nothing. */
export interface FaultScope {
  /** Only over this number. */
  phoneNumberId?: string;
  /** Only to these, in E.164 or as a beginning with a star. */
  to?: readonly string[];
  /** Only this share of all tries, from 0 to 1. */
  share?: number;
  /** Only the next so many. */
  next?: number;
}

/**
 * `refused`: nothing leaves. `leaves`: the message goes out all the same, so that its sender cannot know. `later`: it is accepted,
 * and fails by a status with the code.
 */
export type FaultOutcome = "refused" | "leaves" | "later";

/** `code`: an error of Meta's. `status`: a bare HTTP error, of whatever stands before Meta. */
export type FaultAnswer = { code: number } | { status: number };

export interface Fault extends FaultScope {
  answer: FaultAnswer;
  outcome: FaultOutcome;
}

export interface Faults {
  /** The returned function ends it. */
  add(fault: Fault): () => void;
  endAll(): void;
  /** The first fault that means this message; that counts as one of its next ones. */
  meet(message: { phoneNumberId: string; to: string }): Fault | null;
  list(): Fault[];
}

export function createFaults(clock: Pick<Clock, "random">): Faults {
  const faults = new Set<Fault>();

  function means({ phoneNumberId, to, share }: Fault, message: { phoneNumberId: string; to: string }): boolean {
    if (phoneNumberId !== undefined && phoneNumberId !== message.phoneNumberId) return false;
    if (to !== undefined && !lists(to, message.to)) return false;
    return share === undefined || clock.random() < share;
  }

  return {
    add(fault) {
      const own = { ...fault };
      faults.add(own);
      return () => faults.delete(own);
    },
    endAll: () => faults.clear(),
    meet(message) {
      for (const fault of faults) {
        if (!means(fault, message)) continue;
        if (fault.next !== undefined) {
          fault.next -= 1;
          if (fault.next <= 0) faults.delete(fault);
        }
        return fault;
      }
      return null;
    },
    list: () => [...faults],
  };
}
