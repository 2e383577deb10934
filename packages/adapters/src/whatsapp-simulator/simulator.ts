/** Owns the simulated WhatsApp: a provider whose outside world is a file, and whose every accident comes from a seed. */
import { hashOf } from "@mini-crm/core/chance";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Page } from "@mini-crm/core/ports/store";
import type { InboundText, ProviderHealth, WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import { NOT_STARTED, UNREACHABLE } from "./answers.ts";
import { DEFAULT_BEHAVIOUR, type SimulatorBehaviour } from "./behaviour.ts";
import { createCourier } from "./courier.ts";
import { deviceIdOf, inboundIdOf, isOnWhatsApp } from "./fate.ts";
import { type Departure, type OutboxRequest, openOutbox, type SentText } from "./outbox.ts";
import { createTransit } from "./transit.ts";

export interface SimulatorOptions {
  /** The outbox's SQLite file, which other processes may share; `:memory:` for one that ends with the simulator. */
  file: string;
  clock: Clock;
  /** What happens to a message is drawn from this and its identifier: the same seed repeats a run, in whatever order. */
  seed: number;
  /** What differs from `DEFAULT_BEHAVIOUR`. */
  behaviour?: Partial<SimulatorBehaviour>;
}

/** What somebody writes, from which number in E.164, and what they call themself. */
export interface WrittenText {
  from: string;
  text: string;
  name?: string | null;
}

export interface SimulatorControls {
  behaviour(): SimulatorBehaviour;
  /** Changes how it behaves from now on; what has left already keeps its fate. */
  behave(changes: Partial<SimulatorBehaviour>): void;
  /** Somebody writes to this number now; kept until it was heard, also while nobody is connected. Answers the text. */
  receive(text: WrittenText): InboundText;
  /** Reads what really left, in its order: also before `start` and after `stop`. */
  outbox(request: OutboxRequest): Page<SentText>;
  /** How many messages left more than once. */
  sentMoreThanOnce(): number;
  /** Closes the file; stop first. */
  close(): void;
}

export type Simulator = WhatsAppProvider & SimulatorControls;

export function createSimulator({ file, clock, seed, behaviour: changes }: SimulatorOptions): Simulator {
  let behaviour: SimulatorBehaviour = { ...DEFAULT_BEHAVIOUR, ...changes };
  let isStarted = false;
  let since = clock.now();
  const outbox = openOutbox(file);
  const side = { clock, owner: `${process.pid}-${clock.random()}`, isConnected: () => !behaviour.unreachable };
  const receipts = createCourier({ ...side, queue: outbox.receipts });
  const texts = createCourier({ ...side, queue: outbox.texts });
  const transit = createTransit({ clock, seed, outbox, behaviour: () => behaviour, onLeft: expectAll });

  function expectAll(departures: readonly Departure[]): void {
    let firstReceipt = Number.POSITIVE_INFINITY;
    let firstReply = Number.POSITIVE_INFINITY;
    for (const departure of departures) {
      for (const { due } of departure.receipts) firstReceipt = Math.min(firstReceipt, due);
      if (departure.reply !== null) firstReply = Math.min(firstReply, departure.reply.at);
    }
    receipts.expect(firstReceipt);
    if (Number.isFinite(firstReply)) texts.expect(firstReply);
  }

  function receive({ from, text, name = null }: WrittenText): InboundText {
    const at = clock.now();
    const received = { providerId: inboundIdOf(hashOf(seed, `${at} ${clock.random()} ${from}`)), from, name, text, at };
    outbox.texts.add(received);
    texts.expect(at);
    return received;
  }

  function health(): ProviderHealth {
    const device = { since, warning: behaviour.warning, deviceId: deviceIdOf(seed), userName: "Mini CRM System" };
    if (!isStarted) return { state: "stopped", reason: NOT_STARTED.reason, ...device };
    if (behaviour.unreachable) return { state: "reconnecting", reason: UNREACHABLE.reason, ...device };
    return { state: "open", reason: receipts.trouble() ?? texts.trouble(), ...device };
  }

  return {
    async start() {
      if (isStarted) return;
      isStarted = true;
      since = clock.now();
      receipts.start();
      texts.start();
    },
    async stop() {
      if (!isStarted) return;
      isStarted = false;
      since = clock.now();
      transit.drain();
      await Promise.all([receipts.stop(), texts.stop()]);
    },
    health,
    send: (message) => (isStarted ? transit.carry(message) : Promise.resolve(NOT_STARTED)),
    async checkNumbers(phones) {
      return phones.map((phone) => ({ phone, registered: isOnWhatsApp(seed, phone, behaviour) }));
    },
    onReceipts: receipts.listen,
    onTexts: texts.listen,
    behaviour: () => behaviour,
    behave(newChanges) {
      const wasUnreachable = behaviour.unreachable;
      behaviour = { ...behaviour, ...newChanges };
      if (behaviour.unreachable === wasUnreachable) return;
      since = clock.now();
      receipts.expect(since);
      texts.expect(since);
    },
    receive,
    outbox: (request) => outbox.page(request, clock.now()),
    sentMoreThanOnce: outbox.sentMoreThanOnce,
    close: outbox.close,
  };
}
