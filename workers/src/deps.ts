/** Owns what the workers are given: engines behind their ports, and settings. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type { EventBus } from "@mini-crm/core/ports/event-bus";
import type { RateLimit, Store } from "@mini-crm/core/ports/store";
import type { WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import type { Logger } from "@mini-crm/runtime/log";

export interface PipelineDeps {
  store: Store;
  bus: EventBus;
  clock: Clock;
  log: Logger;
  /** This process's name, different from every other's: claims are made in it. */
  worker: string;
}

/** A number that messages go out from. */
export interface Channel {
  id: string;
  provider: WhatsAppProvider;
  /** Null: as fast as the provider takes them. */
  rate: RateLimit | null;
}

export interface Timing {
  /** How long sent messages are waited for before a campaign completes without their receipts. */
  receiptWindowMs: number;
  /** How long a claim lasts without a sign from its worker; longer than `sendTimeoutMs`. */
  leaseMs: number;
  /** After which a send that was not answered is uncertain. */
  sendTimeoutMs: number;
  /** How often expired leases, due retries and overdue receipts are looked for. */
  recoverEveryMs: number;
}

/** A part of the pipeline that runs until it is closed. */
export interface Stage<Stats> {
  stats(): Stats;
  close(): Promise<void>;
}
