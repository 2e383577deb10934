/** Owns the simulated WhatsApp: a provider whose outside world is a file, and whose every accident comes from a seed. */
import { dueQueue } from "@mini-crm/core/due-queue";
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Page } from "@mini-crm/core/ports/store";
import type { OutgoingText, ProviderHealth, SendAnswer, WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import { createAlarm } from "./alarm.ts";
import {
  BUSY_NUMBER,
  CUT,
  FAILED_FOR_NOW,
  NO_ANSWER,
  NOT_ON_WHATSAPP,
  NOT_STARTED,
  notWritten,
  tooFast,
  UNREACHABLE,
} from "./answers.ts";
import { DEFAULT_BEHAVIOUR, lists, type SimulatorBehaviour, within } from "./behaviour.ts";
import { createCourier } from "./courier.ts";
import { deviceIdOf, type Fate, fateOf, isOnWhatsApp, outcomeOf, receiptsOf } from "./fate.ts";
import { type Departure, type OutboxRequest, openOutbox, type SentText } from "./outbox.ts";

export interface SimulatorOptions {
  /** The outbox's SQLite file, which other processes may share; `:memory:` for one that ends with the simulator. */
  file: string;
  clock: Clock;
  seed: number;
  /** What differs from `DEFAULT_BEHAVIOUR`. */
  behaviour?: Partial<SimulatorBehaviour>;
}

export interface SimulatorControls {
  behaviour(): SimulatorBehaviour;
  /** Changes how it behaves from now on; what has left already keeps its fate. */
  behave(changes: Partial<SimulatorBehaviour>): void;
  /** Reads what really left, in its order: also before `start` and after `stop`. */
  outbox(request: OutboxRequest): Page<SentText>;
  /** How many messages left more than once. */
  sentMoreThanOnce(): number;
  /** Closes the file; stop first. */
  close(): void;
}

export type Simulator = WhatsAppProvider & SimulatorControls;

/** A text on its way to WhatsApp, and whom to tell what came of it. */
interface UnderWay {
  message: OutgoingText;
  fate: Fate;
  /** True while it hangs: it has left, and its sender waits. */
  hasLeft: boolean;
  answer: (answer: SendAnswer) => void;
}

/** More than any sender has under way at once; beyond that, it sends too fast. */
const MAX_UNDER_WAY = 50_000;
const MAX_REFUSED_REMEMBERED = 100_000;

export function createSimulator({ file, clock, seed, behaviour: changes }: SimulatorOptions): Simulator {
  const outbox = openOutbox(file);
  const underWay = dueQueue<UnderWay>();
  const alarm = createAlarm(clock, () => arrive(clock.now()));
  const courier = createCourier(clock, outbox, () => !behaviour.unreachable);
  /** Messages that were refused for now once: the next time they are accepted. */
  const refused = new Set<string>();
  let behaviour: SimulatorBehaviour = { ...DEFAULT_BEHAVIOUR, ...changes };
  let isStarted = false;
  let since = clock.now();

  function health(): ProviderHealth {
    const device = { since, deviceId: deviceIdOf(seed), userName: "Mini CRM System" };
    if (!isStarted) return { state: "stopped", reason: NOT_STARTED.reason, ...device };
    if (behaviour.unreachable) return { state: "reconnecting", reason: UNREACHABLE.reason, ...device };
    return { state: "open", reason: courier.trouble(), ...device };
  }

  async function send(message: OutgoingText): Promise<SendAnswer> {
    if (!isStarted) return NOT_STARTED;
    if (underWay.size() >= MAX_UNDER_WAY) return tooFast(1_000);
    const fate = fateOf(seed, message.messageId);
    return new Promise((answer) => {
      const at = clock.now() + within(behaviour.latency, fate.latency);
      underWay.push(at, { message, fate, hasLeft: false, answer });
      alarm.setFor(at);
    });
  }

  /** Answers everything that has been under way until `until`; what leaves, leaves in one transaction. */
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
    if (behaviour.unreachable) return UNREACHABLE;
    if (behaviour.rateLimited !== null) return tooFast(behaviour.rateLimited.retryAfterMs);
    if (!isOnWhatsApp(seed, to, behaviour)) return NOT_ON_WHATSAPP;
    if (lists(behaviour.busyNumbers, to)) return BUSY_NUMBER;
    if (fate.refusal >= behaviour.retryableShare || refused.delete(messageId)) return null;
    refused.add(messageId);
    const [oldest] = refused;
    if (refused.size > MAX_REFUSED_REMEMBERED && oldest !== undefined) refused.delete(oldest);
    return FAILED_FOR_NOW;
  }

  /** Nobody is answered before the file says that the text has left. */
  function leave(leaving: readonly UnderWay[]): void {
    const now = clock.now();
    const departures = leaving.map(({ message, fate }): Departure => {
      return { message, providerId: fate.providerId, receipts: receiptsOf(message.messageId, fate, behaviour, now) };
    });
    try {
      outbox.leave(departures, now);
    } catch (error) {
      for (const { answer } of leaving) answer(notWritten(error));
      return;
    }
    let firstDue = Number.POSITIVE_INFINITY;
    for (const { receipts } of departures) for (const { due } of receipts) firstDue = Math.min(firstDue, due);
    courier.expect(firstDue);
    for (const text of leaving) answerTo(text);
  }

  function answerTo(text: UnderWay): void {
    const outcome = outcomeOf(text.fate, behaviour);
    if (outcome === "accepted") text.answer({ kind: "accepted", providerId: text.fate.providerId });
    else if (outcome === "cut") text.answer(CUT);
    else underWay.push(clock.now() + within(behaviour.hangFor, text.fate.hang), { ...text, hasLeft: true });
  }

  return {
    async start() {
      if (isStarted) return;
      isStarted = true;
      since = clock.now();
      courier.start();
    },
    async stop() {
      if (isStarted) since = clock.now();
      isStarted = false;
      // Twice where a text hangs: it leaves, and then is not waited for.
      while (underWay.size() > 0) arrive(Number.POSITIVE_INFINITY);
      alarm.off();
      await courier.stop();
    },
    health,
    send,
    async checkNumbers(phones) {
      return phones.map((phone) => ({ phone, registered: isOnWhatsApp(seed, phone, behaviour) }));
    },
    onReceipts: courier.listen,
    behaviour: () => behaviour,
    behave(newChanges) {
      const wasUnreachable = behaviour.unreachable;
      behaviour = { ...behaviour, ...newChanges };
      if (behaviour.unreachable === wasUnreachable) return;
      since = clock.now();
      courier.expect(since);
    },
    outbox: (request) => outbox.page(request, clock.now()),
    sentMoreThanOnce: outbox.sentMoreThanOnce,
    close: outbox.close,
  };
}
