/** Owns what the workers are given: engines behind their ports, and settings. */
import type { Channel } from "@mini-crm/core/channel/channel";
import type { SendingLimits } from "@mini-crm/core/channel/limits";
import type { Instant } from "@mini-crm/core/instant";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { EventBus } from "@mini-crm/core/ports/event-bus";
import type { Store } from "@mini-crm/core/ports/store";
import type { ProviderHealth, WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import type { Logger } from "@mini-crm/runtime/log";

export interface PipelineDeps {
  store: Store;
  bus: EventBus;
  clock: Clock;
  log: Logger;
  /** This process's name, different from every other's: claims are made in it. */
  worker: string;
}

/** How channels get to WhatsApp. */
export interface ChannelAccess {
  /** Makes the provider of a channel; what it rejects with is shown as the reason why the channel is not connected. */
  open(channel: Channel): Promise<WhatsAppProvider>;
  limitsOf(channel: Channel, health: ProviderHealth, now: Instant): SendingLimits;
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
  /** How often it is looked for channels that were added, changed or removed. */
  channelsEveryMs: number;
  /** How long the channels of a batch are sent over before those that wait let others have their turn. */
  turnMs: number;
}

/** A part of the pipeline that runs until it is closed. */
export interface Stage<Stats> {
  stats(): Stats;
  close(): Promise<void>;
}
