/** Owns the texts on their way to WhatsApp: how long each takes, which of them leave, and what their senders hear. */
import { dueQueue } from "@mini-crm/core/due-queue";
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { OutgoingMessage, SendAnswer } from "@mini-crm/core/ports/whatsapp-provider";
import { createAlarm } from "./alarm.ts";
import { BUSY_NUMBER, CUT, FAILED_FOR_NOW, NO_ANSWER, NOT_ON_WHATSAPP, notWritten, tooFast, UNREACHABLE } from "./answers.ts";
import { lists, type SimulatorBehaviour } from "./behaviour.ts";
import {
  type Fate,
  fateOf,
  hangOf,
  isOnWhatsApp,
  isRefusedAtFirst,
  latencyOf,
  outcomeOf,
  providerIdOf,
  receiptsOf,
  replyOf,
} from "./fate.ts";
import type { Departure, OutboxLine } from "./outbox.ts";

export interface TransitDeps {
  clock: Clock;
  seed: number;
  outbox: Pick<OutboxLine, "leave">;
  /** As it is at the moment. */
  behaviour: () => SimulatorBehaviour;
  /** Which of those that it accepts fail later, and with which code; null: what is not on WhatsApp is refused at once. */
  failureOf: FailureOf | null;
  /** Hears of messages that have left. */
  onLeft: (departures: readonly Departure[]) => void;
}

/** The code that an accepted message will fail with; null: none. Asked when the message leaves. */
export type FailureOf = (message: OutgoingMessage, isOnWhatsApp: boolean) => string | null;

export interface Transit {
  /** Sends a message and resolves with the answer. Never rejects. */
  carry(message: OutgoingMessage): Promise<SendAnswer>;
  /** Answers everything that is under way now, as if its time had come. */
  drain(): void;
}

interface UnderWay {
  message: OutgoingMessage;
  handedOverAt: Instant;
  fate: Fate;
  /** True while it hangs: it has left, and its sender waits. */
  hasLeft: boolean;
  answer: (answer: SendAnswer) => void;
}

/** More than any sender has under way at once; beyond that, it sends too fast. */
const MAX_UNDER_WAY = 50_000;
const MAX_REFUSED_REMEMBERED = 100_000;

export function createTransit({ clock, seed, outbox, behaviour, failureOf, onLeft }: TransitDeps): Transit {
  const underWay = dueQueue<UnderWay>();
  const alarm = createAlarm(clock, () => arrive(clock.now()));
  /** Messages that were refused for now once: the next time they are accepted. */
  const refused = new Set<string>();

  function carry(message: OutgoingMessage): Promise<SendAnswer> {
    if (underWay.size() >= MAX_UNDER_WAY) return Promise.resolve(tooFast(1_000));
    const fate = fateOf(seed, message.messageId);
    return new Promise((answer) => {
      const handedOverAt = clock.now();
      const at = handedOverAt + latencyOf(fate, behaviour());
      underWay.push(at, { message, handedOverAt, fate, hasLeft: false, answer });
      alarm.setFor(at);
    });
  }

  /** Answers everything that is due at `until`; what leaves, leaves in one transaction. */
  function arrive(until: Instant): void {
    const leaving: UnderWay[] = [];
    for (let text = underWay.takeDue(until); text !== null; text = underWay.takeDue(until)) {
      const refusal = text.hasLeft ? NO_ANSWER : refusalOf(text);
      if (refusal === null) leaving.push(text);
      else text.answer(refusal);
    }
    if (leaving.length > 0) leave(leaving);
    const next = underWay.nextAt();
    if (next !== null) alarm.setFor(next);
  }

  function refusalOf({ message: { messageId, to }, fate }: UnderWay): SendAnswer | null {
    const now = behaviour();
    if (now.unreachable) return UNREACHABLE;
    if (now.rateLimited !== null) return tooFast(now.rateLimited.retryAfterMs);
    if (failureOf === null && !isOnWhatsApp(seed, to, now)) return NOT_ON_WHATSAPP;
    if (lists(now.busyNumbers, to)) return BUSY_NUMBER;
    if (!isRefusedAtFirst(fate, now) || refused.delete(messageId)) return null;
    refused.add(messageId);
    const [oldest] = refused;
    if (refused.size > MAX_REFUSED_REMEMBERED && oldest !== undefined) refused.delete(oldest);
    return FAILED_FOR_NOW;
  }

  /** Nobody is answered before the outbox holds what has left. */
  function leave(leaving: readonly UnderWay[]): void {
    const now = clock.now();
    const departures = leaving.map(({ message, handedOverAt, fate }): Departure => {
      const failure = failureOf?.(message, isOnWhatsApp(seed, message.to, behaviour())) ?? null;
      const receipts = receiptsOf(message.messageId, fate, behaviour(), now, failure);
      const reply = failure === null ? replyOf(message, fate, behaviour(), now) : null;
      return { message, handedOverAt, providerId: providerIdOf(fate), receipts, reply };
    });
    try {
      outbox.leave(departures, now);
    } catch (error) {
      for (const { answer } of leaving) answer(notWritten(error));
      return;
    }
    onLeft(departures);
    for (const text of leaving) answerLeft(text);
  }

  function answerLeft(text: UnderWay): void {
    const outcome = outcomeOf(text.fate, behaviour());
    if (outcome === "accepted") text.answer({ kind: "accepted", providerId: providerIdOf(text.fate) });
    else if (outcome === "cut") text.answer(CUT);
    else underWay.push(clock.now() + hangOf(text.fate, behaviour()), { ...text, hasLeft: true });
  }

  return {
    carry,
    drain() {
      // Twice where a text hangs: it leaves, and then is not waited for.
      while (underWay.size() > 0) arrive(Number.POSITIVE_INFINITY);
      alarm.off();
    },
  };
}
