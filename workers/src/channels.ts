/** Owns which channels this process serves: it keeps up with what is stored of them, and does what a person orders of them. */
import { abilitiesOf, type Channel, type ChannelOrder } from "@mini-crm/core/channel/channel";
import type { Clock } from "@mini-crm/core/ports/clock";
import { createConnections } from "./connections.ts";
import type { ChannelAccess, PipelineDeps, Stage, Timing } from "./deps.ts";
import type { KnownSender, Senders } from "./sender.ts";

export interface ChannelsStats {
  isRunning: boolean;
  errors: number;
}

export interface Channels extends Stage<ChannelsStats>, Senders {}

/** How long whoever wants to send waits for a channel that is just being connected. */
const MOST_WAIT_MS = 1_000;

/** Connects all channels, and from then on keeps up with what is stored of them; one that takes its time holds up no other. */
export async function startChannels(deps: PipelineDeps, access: ChannelAccess, timing: Timing): Promise<Channels> {
  const { store, clock, log } = deps;
  const stats: ChannelsStats = { isRunning: true, errors: 0 };
  const failed = (channelId: string | null, error: unknown, what: string) => {
    stats.errors += 1;
    log.error({ err: error, channel: channelId }, what);
  };
  const connections = createConnections(deps, access, failed);
  const orders = createOrders(deps);
  const closing = new AbortController();
  /** The looks that have not ended yet: one at each channel at a time. */
  const underWay = new Map<string, Promise<void>>();

  const lookAt = (channelId: string, act: () => Promise<void>): void => {
    if (underWay.has(channelId)) return;
    const looked = act()
      .catch((error: unknown) => failed(channelId, error, "A channel could not be looked at"))
      .finally(() => underWay.delete(channelId));
    underWay.set(channelId, looked);
  };
  const look = async (): Promise<void> => {
    const channels = await store.channels.list();
    const there = new Set(channels.map(({ _id }) => _id));
    for (const { channel } of connections.all()) {
      const { _id } = channel();
      if (!there.has(_id)) lookAt(_id, () => connections.end(_id));
    }
    for (const channel of channels) {
      lookAt(channel._id, async () => {
        const sender = await connections.keepUpWith(channel);
        await orders.carryOut(sender, channel);
        await notePairing(deps, sender, channel);
      });
    }
  };

  await look();
  await inTime(clock, Promise.all(underWay.values()), MOST_WAIT_MS, null);
  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await clock.sleep(timing.channelsEveryMs, closing.signal);
      if (closing.signal.aborted) return;
      await look().catch((error: unknown) => failed(null, error, "The channels could not be looked at"));
    }
  };
  const stopped = run();

  return {
    async current(id) {
      const channel = await store.channels.read(id);
      return channel === null ? "gone" : inTime(clock, connections.keepUpWith(channel), MOST_WAIT_MS, "unopened");
    },
    all: connections.all,
    stats: () => ({ ...stats }),
    async close() {
      stats.isRunning = false;
      closing.abort();
      await stopped;
      await connections.close();
      await Promise.all(underWay.values());
    },
  };
}

/** What `promise` resolves to; `otherwise` where that takes longer than `mostMs`. */
async function inTime<T, O>(clock: Clock, promise: Promise<T>, mostMs: number, otherwise: O): Promise<T | O> {
  const resolved = new AbortController();
  const tooLate = clock.sleep(mostMs, resolved.signal).then(() => otherwise);
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    resolved.abort();
  }
}

/** What an order that is carried out leaves: another number that is paired after a log-out is as young as the first was. */
function answered({ order }: ChannelOrder): { order: null; paired_at?: null } {
  return order === "log_out" ? { order: null, paired_at: null } : { order: null };
}

/** Does what a person wants of the connection, once, where this process has it. */
function createOrders({ store, clock, log }: PipelineDeps) {
  /** What has become here of the last order of each channel. */
  const heeded = new Map<string, { at: number; isDone: boolean }>();

  /** However the channel was changed meanwhile; a later order stays. */
  async function takeOut(ordered: Channel, order: ChannelOrder): Promise<void> {
    for (let channel = ordered; channel.order?.at === order.at; ) {
      const change = await store.channels.change(channel._id, answered(order), clock.now(), channel.updated_at);
      if (change?.kind !== "changed_since") return;
      channel = change.channel;
    }
  }

  return {
    async carryOut({ provider }: KnownSender, channel: Channel): Promise<void> {
      const { _id, order } = channel;
      if (order === null) return;
      const before = heeded.get(_id);
      const isKnown = before?.at === order.at;
      if (!(isKnown && before.isDone)) {
        const answer = order.order === "pair" ? await provider.pair(order) : await provider.logOut();
        heeded.set(_id, { at: order.at, isDone: answer.kind === "done" });
        if (answer.kind === "refused") {
          if (!isKnown) log.info({ channel: _id, order: order.order, reason: answer.reason }, "Not carried out here");
          return;
        }
      }
      await takeOut(channel, order);
    },
  };
}

/** Notes when a number was first paired, from which warming up counts. */
async function notePairing({ store, clock }: PipelineDeps, { provider }: KnownSender, channel: Channel): Promise<void> {
  const { _id, order, paired_at, settings, updated_at } = channel;
  if (order !== null || paired_at !== null || !abilitiesOf(settings.kind).pairs || provider.health().state !== "open") return;
  await store.channels.change(_id, { paired_at: clock.now() }, clock.now(), updated_at);
}
