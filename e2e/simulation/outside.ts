/** Owns WhatsApp as a simulated run sees it: it outlives every process, and knows what was handed over, when and by whom. */
import type { SimulatorBehaviour } from "@mini-crm/adapters/whatsapp-simulator/behaviour";
import { fateOf, receiptsOf } from "@mini-crm/adapters/whatsapp-simulator/fate";
import type { SentText } from "@mini-crm/adapters/whatsapp-simulator/outbox";
import { createSimulator } from "@mini-crm/adapters/whatsapp-simulator/simulator";
import type { RateLimit } from "@mini-crm/core/channel/limits";
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { OutgoingMessage, SendAnswer, WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import { createDesk } from "./desk.ts";
import type { Life } from "./life.ts";
import type { Trace } from "./trace.ts";

/** A message on the wire; `isBack` where WhatsApp surely did not take it. */
export interface HandOver {
  at: Instant;
  by: string;
  isBack: boolean;
}

export interface Outside {
  channel: { id: string; rate: RateLimit | null };
  /** The provider as one process has it. */
  providerFor(life: Life): WhatsAppProvider;
  behave(changes: Partial<SimulatorBehaviour>): void;
  /** Somebody writes to this channel. */
  receive(from: string, text: string): void;
  /** The last time that each message was handed over. */
  handedOver: ReadonlyMap<string, HandOver>;
  outbox(): SentText[];
  /** When the last receipt of what has left is handed over at the latest, if somebody listens. */
  receiptsUntil(): Instant;
  /** Somebody has died, frozen or woken up: whoever is there now hears what comes in. */
  lookWhoListens(): void;
  close(): void;
}

export interface OutsideOptions {
  channel: Outside["channel"];
  time: Clock;
  seed: number;
  behaviour: Partial<SimulatorBehaviour>;
  trace: Trace;
  /** Hears of a message that was handed over while an earlier try may have left. */
  onSecondHandOver: (messageId: string, first: HandOver, by: string) => void;
}

/** After failures the simulator's courier pauses for so long, and gathers receipts for up to a quarter of their wait. */
const LONGEST_COURIER_PAUSE_MS = 11_000;
const MOST_SENT = 100_000;

export function openOutside({ channel, time, seed, behaviour, trace, onSecondHandOver }: OutsideOptions): Outside {
  const simulator = createSimulator({ file: ":memory:", clock: time, seed, behaviour });
  const handedOver = new Map<string, HandOver>();

  const outbox = () => simulator.outbox({ page: 1, limit: MOST_SENT }).items;

  async function carry(message: OutgoingMessage, by: string): Promise<SendAnswer> {
    const first = handedOver.get(message.messageId);
    if (first !== undefined && !first.isBack) onSecondHandOver(message.messageId, first, by);
    const handOver: HandOver = { at: time.now(), by, isBack: false };
    handedOver.set(message.messageId, handOver);
    trace.note(by, "hands over", message.messageId);
    const answer = await simulator.send(message);
    handOver.isBack = answer.kind === "retryable" || answer.kind === "permanent" || answer.kind === "session";
    trace.note(channel.id, "answers", message.messageId, "code" in answer ? `${answer.kind} ${answer.code}` : answer.kind);
    return answer;
  }

  const receipts = createDesk({
    effect: "receipts",
    time,
    source: simulator.onReceipts,
    onHandOver: (life, some) =>
      trace.note(channel.id, `gives ${life.name}`, some.map(({ messageId, status }) => `${messageId} ${status}`).join(", ")),
  });
  const texts = createDesk({
    effect: "texts",
    time,
    source: simulator.onTexts,
    onHandOver: (life, some) => trace.note(channel.id, `gives ${life.name}`, some),
  });

  void simulator.start();
  return {
    channel,
    providerFor: (life) => ({
      start: async () => {},
      stop: async () => {},
      health: simulator.health,
      pair: simulator.pair,
      logOut: simulator.logOut,
      checkNumbers: simulator.checkNumbers,
      send: (message) => life.handOver("send", () => carry(message, life.name)),
      onReceipts: (listener) => receipts.listen(life, listener),
      onTexts: (listener) => texts.listen(life, listener),
    }),
    behave: simulator.behave,
    receive: (from, text) => void simulator.receive({ from, text }),
    handedOver,
    outbox,
    receiptsUntil() {
      const planned = outbox().flatMap(({ message_id, at }) =>
        receiptsOf(message_id, fateOf(seed, message_id), simulator.behaviour(), at, null).map(({ due }) => due + (due - at) / 4),
      );
      return Math.max(time.now(), ...planned) + LONGEST_COURIER_PAUSE_MS;
    },
    lookWhoListens() {
      receipts.lookWhoListens();
      texts.lookWhoListens();
    },
    close: simulator.close,
  };
}
