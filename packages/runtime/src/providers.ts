/** Owns which provider carries a channel's messages: by the channel's kind, loaded where one of that kind is there. */
import { join } from "node:path";
import { createSimulator, type Simulator } from "@mini-crm/adapters/whatsapp-simulator/simulator";
import { AppError, unreachable } from "@mini-crm/core/app-error";
import { type Channel, DEFAULT_CHANNEL_ID } from "@mini-crm/core/channel/channel";
import type { Clock } from "@mini-crm/core/ports/clock";
import type { WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import type { Config } from "./config.ts";
import type { Engines } from "./engines.ts";
import type { Logger } from "./log.ts";
import { openCloudSecrets, openVault } from "./vault.ts";

export interface Providers {
  /** Rejects with an `AppError` where the channel cannot be opened as it is, such as for secrets that another key sealed. */
  open(channel: Channel): Promise<WhatsAppProvider>;
  /** The simulator that the default channel sends through; null where it is of another kind. Throws while that is not known yet. */
  simulator(): Simulator | null;
  /** Closes what outlives a connection; stop the providers first. */
  close(): void;
}

type ProvidersConfig = Pick<Config, "dataDir" | "secretsKey" | "simulator">;

export function openProviders(config: ProvidersConfig, engines: Engines, log: Logger): Providers {
  const { store, clock, owner } = engines;
  const vault = openVault(config);
  const simulators = new Map<string, Simulator>();
  let defaultKind: Channel["settings"]["kind"] | null = null;

  const provide = async (channel: Channel): Promise<WhatsAppProvider> => {
    const { _id, settings } = channel;
    switch (settings.kind) {
      case "simulator": {
        const simulator = simulators.get(_id) ?? openSimulator(config, clock, _id);
        simulators.set(_id, simulator);
        return simulator;
      }
      case "cloud": {
        const { createCloudProvider } = await import("@mini-crm/adapters/whatsapp-cloud/provider");
        const secrets = openCloudSecrets(vault, channel);
        return createCloudProvider({ channelId: _id, settings: settings.cloud, secrets, clock });
      }
      case "web": {
        const { createWebProvider } = await import("@mini-crm/adapters/whatsapp-web/provider");
        return createWebProvider({ channelId: _id, clock, sessions: store.sessions, vault, owner, log });
      }
      default:
        return unreachable(settings);
    }
  };

  return {
    open(channel) {
      if (channel._id === DEFAULT_CHANNEL_ID) defaultKind = channel.settings.kind;
      return provide(channel);
    },
    simulator() {
      if (defaultKind === null) throw new AppError("CLOSED", "The default channel is not open yet.", { retryable: true });
      return defaultKind === "simulator" ? (simulators.get(DEFAULT_CHANNEL_ID) ?? null) : null;
    },
    close() {
      for (const simulator of simulators.values()) simulator.close();
    },
  };
}

/** Each simulated number has a WhatsApp of its own, in a file of its own. */
export function openSimulator(
  { dataDir, simulator }: Pick<Config, "dataDir" | "simulator">,
  clock: Clock,
  channelId: string = DEFAULT_CHANNEL_ID,
): Simulator {
  const { seed, latency, deliveredAfter, readAfter } = simulator;
  const name = channelId === DEFAULT_CHANNEL_ID ? "whatsapp-simulator.db" : `whatsapp-simulator-${channelId}.db`;
  return createSimulator({ file: join(dataDir, name), clock, seed, behaviour: { latency, deliveredAfter, readAfter } });
}
