/** Owns the simulated WhatsApp: a provider whose outside world is a file, and whose every accident comes from a seed. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Page } from "@mini-crm/core/ports/store";
import type { ProviderHealth, WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import { NOT_STARTED, UNREACHABLE } from "./answers.ts";
import { DEFAULT_BEHAVIOUR, type SimulatorBehaviour } from "./behaviour.ts";
import { createCourier } from "./courier.ts";
import { deviceIdOf, isOnWhatsApp } from "./fate.ts";
import { type OutboxRequest, openOutbox, type SentText } from "./outbox.ts";
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

export function createSimulator({ file, clock, seed, behaviour: changes }: SimulatorOptions): Simulator {
  let behaviour: SimulatorBehaviour = { ...DEFAULT_BEHAVIOUR, ...changes };
  let isStarted = false;
  let since = clock.now();
  const outbox = openOutbox(file);
  const courier = createCourier(clock, outbox.receipts, () => !behaviour.unreachable);
  const transit = createTransit({ clock, seed, outbox, behaviour: () => behaviour, onLeft: courier.expect });

  function health(): ProviderHealth {
    const device = { since, warning: behaviour.warning, deviceId: deviceIdOf(seed), userName: "Mini CRM System" };
    if (!isStarted) return { state: "stopped", reason: NOT_STARTED.reason, ...device };
    if (behaviour.unreachable) return { state: "reconnecting", reason: UNREACHABLE.reason, ...device };
    return { state: "open", reason: courier.trouble(), ...device };
  }

  return {
    async start() {
      if (isStarted) return;
      isStarted = true;
      since = clock.now();
      courier.start();
    },
    async stop() {
      if (!isStarted) return;
      isStarted = false;
      since = clock.now();
      transit.drain();
      await courier.stop();
    },
    health,
    send: (message) => (isStarted ? transit.carry(message) : Promise.resolve(NOT_STARTED)),
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
