/** Owns the simulated WhatsApp: a provider whose outside world is a file, and whose every accident comes from a seed. */
import { hashOf } from "@mini-crm/core/chance";
import type { Instant } from "@mini-crm/core/instant";
import type { Wish } from "@mini-crm/core/lead/stop-words";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Page } from "@mini-crm/core/ports/store";
import type { InboundText, OrderAnswer, ProviderHealth, WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import { NOT_STARTED, UNREACHABLE } from "./answers.ts";
import { DEFAULT_BEHAVIOUR, type SimulatorBehaviour } from "./behaviour.ts";
import { createCourier } from "./courier.ts";
import { deviceIdOf, inboundIdOf, isOnWhatsApp } from "./fate.ts";
import { type Departure, type Outbox, type OutboxRequest, openOutbox, type SentText } from "./outbox.ts";
import { createTransit, type FailureOf } from "./transit.ts";

export interface SimulatorOptions {
  /** The outbox's SQLite file, which other processes may share; `:memory:` for one that ends with the simulator. */
  file: string;
  clock: Clock;
  /** What happens to a message is drawn from this and its identifier: the same seed repeats a run, in whatever order. */
  seed: number;
  /** What differs from `DEFAULT_BEHAVIOUR`. */
  behaviour?: Partial<SimulatorBehaviour>;
  /** Whose receipts and texts these are, where several numbers share the file; "", the default, where it is the only one. */
  line?: string;
  /** Which of those that it accepts fail later. Without it, numbers that are not on WhatsApp are refused at once. */
  failureOf?: FailureOf | null;
  /** What is due within so many ms is handed over together; 10 by default. */
  gapMs?: number;
}

/** What somebody writes; in `InboundText` is said what each field means. */
export interface WrittenText {
  from: string | null;
  text: string;
  name?: string | null;
  userId?: string | null;
  wish?: Wish | null;
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
}

export interface Simulator extends WhatsAppProvider, SimulatorControls {
  /** Closes the file; stop first. */
  close(): void;
}

const ALWAYS_LINKED: OrderAnswer = {
  kind: "refused",
  reason: "The simulated WhatsApp has no phone to link: it is always linked. Choose a channel of another kind to pair one.",
};

const UNPAIRED = { userName: "Mini CRM System", until: null, pairing: null, recipientsPerDay: null, standsBy: false } as const;

export function createSimulator({ file, ...options }: SimulatorOptions): Simulator {
  return simulatorOn(openOutbox(file), options);
}

/** A simulator on an outbox that is open already. */
export function simulatorOn(
  outbox: Outbox,
  { clock, seed, gapMs = 10, failureOf = null, ...options }: Omit<SimulatorOptions, "file">,
): Simulator {
  let behaviour: SimulatorBehaviour = { ...DEFAULT_BEHAVIOUR, ...options.behaviour };
  let isStarted = false;
  let since = clock.now();
  const line = outbox.line(options.line ?? "");
  const side = { clock, gapMs, owner: `${process.pid}-${clock.random()}`, isConnected: () => !behaviour.unreachable };
  const receipts = createCourier({ ...side, queue: line.receipts });
  const texts = createCourier({ ...side, queue: line.texts });
  const transit = createTransit({ clock, seed, outbox: line, behaviour: () => behaviour, failureOf, onLeft: expectAll });

  function expectAll(departures: readonly Departure[]): void {
    const { receipt, reply } = firstDue(departures);
    receipts.expect(receipt);
    if (Number.isFinite(reply)) texts.expect(reply);
  }

  function receive({ from, text, name = null, userId = null, wish = null }: WrittenText): InboundText {
    const at = clock.now();
    const providerId = inboundIdOf(hashOf(seed, `${at} ${clock.random()} ${from}`));
    const received = { providerId, from, userId, name, text, wish, at };
    line.texts.add(received);
    texts.expect(at);
    return received;
  }

  function health(): ProviderHealth {
    const known = { ...UNPAIRED, since, warning: behaviour.warning, deviceId: deviceIdOf(seed) };
    if (!isStarted) return { state: "stopped", reason: NOT_STARTED.reason, ...known };
    if (behaviour.unreachable) return { state: "reconnecting", reason: UNREACHABLE.reason, ...known };
    return { state: "open", reason: receipts.trouble() ?? texts.trouble(), ...known };
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
    pair: async () => ALWAYS_LINKED,
    logOut: async () => ALWAYS_LINKED,
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

/** When the first receipt of all these is due, and the first reply; infinity where there is none. */
function firstDue(departures: readonly Departure[]): { receipt: Instant; reply: Instant } {
  let receipt = Number.POSITIVE_INFINITY;
  let reply = Number.POSITIVE_INFINITY;
  for (const departure of departures) {
    for (const { due } of departure.receipts) receipt = Math.min(receipt, due);
    if (departure.reply !== null) reply = Math.min(reply, departure.reply.at);
  }
  return { receipt, reply };
}
