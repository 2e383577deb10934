/** Owns this process's connections: a provider for each channel there is, as channels are added, changed, ordered about, removed. */
import { abilitiesOf, type Channel } from "@mini-crm/core/channel/channel";
import type { OrderAnswer } from "@mini-crm/core/ports/whatsapp-provider";
import type { ChannelAccess, PipelineDeps, Stage, Timing } from "./deps.ts";
import { publishReceipts, publishTexts } from "./hear-provider.ts";
import { createSender, type KnownSender, type Senders } from "./sender.ts";

export interface ChannelsStats {
  isRunning: boolean;
  errors: number;
}

export interface Channels extends Stage<ChannelsStats>, Senders {}

interface Connected {
  sender: KnownSender;
  disconnect(): Promise<void>;
}

/** Connects all channels, and from then on keeps up with what is stored of them. */
export async function startChannels(deps: PipelineDeps, access: ChannelAccess, timing: Timing): Promise<Channels> {
  const { store, clock, log } = deps;
  const connections = createConnections(deps, access);
  const closing = new AbortController();
  const stats: ChannelsStats = { isRunning: true, errors: 0 };

  const look = async (): Promise<void> => {
    const channels = await store.channels.list();
    const there = new Set(channels.map(({ _id }) => _id));
    for (const { channel } of connections.all()) if (!there.has(channel()._id)) await connections.end(channel()._id);
    for (const channel of channels) {
      try {
        const sender = await connections.keepUpWith(channel);
        await carryOut(deps, sender, channel);
      } catch (error) {
        // The others go on all the same, and this one is tried again.
        stats.errors += 1;
        log.error({ err: error, channel: channel._id }, "A channel could not be connected");
      }
    }
  };

  await look();
  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await clock.sleep(timing.channelsEveryMs, closing.signal);
      if (closing.signal.aborted) return;
      await look().catch((error: unknown) => {
        stats.errors += 1;
        log.warn({ err: error }, "The channels could not be looked at");
      });
    }
  };
  const stopped = run();

  return {
    async current(id) {
      const channel = await store.channels.read(id);
      if (channel === null) return "gone";
      return connections.keepUpWith(channel).catch(() => "unopened");
    },
    all: connections.all,
    stats: () => ({ ...stats }),
    async close() {
      stats.isRunning = false;
      closing.abort();
      await stopped;
      await Promise.all(connections.all().map(({ channel }) => connections.end(channel()._id)));
    },
  };
}

interface Connections {
  /** The sender of a channel as it is given; rejects where it cannot be connected. */
  keepUpWith(channel: Channel): Promise<KnownSender>;
  end(channelId: string): Promise<void>;
  all(): KnownSender[];
}

function createConnections(deps: PipelineDeps, access: ChannelAccess): Connections {
  const connected = new Map<string, Connected>();
  /** What is being done to each channel: one thing after the other. */
  const underWay = new Map<string, Promise<unknown>>();

  function inTurn<T>(id: string, act: () => Promise<T>): Promise<T> {
    const acted = (underWay.get(id) ?? Promise.resolve()).then(act);
    const settled = acted
      .catch(() => {})
      .then(() => {
        if (underWay.get(id) === settled) underWay.delete(id);
      });
    underWay.set(id, settled);
    return acted;
  }

  async function connect(channel: Channel): Promise<Connected> {
    const provider = await access.open(channel);
    const stops = [publishReceipts(deps, provider), publishTexts(deps, channel._id, provider)];
    await provider.start();
    return {
      sender: createSender(channel, provider, { clock: deps.clock, access }),
      async disconnect() {
        await provider.stop();
        for (const stop of stops) stop();
      },
    };
  }

  async function disconnect(id: string): Promise<void> {
    const known = connected.get(id);
    connected.delete(id);
    await known?.disconnect();
  }

  return {
    keepUpWith(channel) {
      const known = connected.get(channel._id);
      if (known !== undefined && !underWay.has(channel._id) && !needsAnother(known.sender.channel(), channel)) {
        known.sender.know(channel);
        return Promise.resolve(known.sender);
      }
      return inTurn(channel._id, async () => {
        const before = connected.get(channel._id);
        if (before !== undefined && needsAnother(before.sender.channel(), channel)) await disconnect(channel._id);
        const now = connected.get(channel._id) ?? (await connect(channel));
        connected.set(channel._id, now);
        now.sender.know(channel);
        return now.sender;
      });
    },
    end: (id) => inTurn(id, () => disconnect(id)),
    all: () => [...connected.values()].map(({ sender }) => sender),
  };
}

/** Tells whether what has changed of a channel is part of its connection. */
function needsAnother(before: Channel, now: Channel): boolean {
  if (before.settings.kind !== now.settings.kind || before.secrets !== now.secrets) return true;
  return now.settings.kind === "cloud" && JSON.stringify(before.settings) !== JSON.stringify(now.settings);
}

/** Does what a person wants of the connection, where this process has it, and notes when a number was first paired. */
async function carryOut({ store, clock, log }: PipelineDeps, { provider }: KnownSender, channel: Channel): Promise<void> {
  const { _id, order, paired_at, settings, updated_at } = channel;
  if (order !== null) {
    const answer: OrderAnswer = order.order === "pair" ? await provider.pair(order) : await provider.logOut();
    if (answer.kind === "refused") log.info({ channel: _id, order: order.order, reason: answer.reason }, "Not carried out here");
    else await store.channels.change(_id, { order: null }, clock.now(), updated_at);
    return;
  }
  if (paired_at === null && abilitiesOf(settings.kind).pairs && provider.health().state === "open") {
    await store.channels.change(_id, { paired_at: clock.now() }, clock.now(), updated_at);
  }
}
