/** Owns this process's connections: one provider for each channel, opened and closed one thing after the other. */
import { type Channel, DEFAULT_CHANNEL_ID } from "@mini-crm/core/channel/channel";
import type { WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import type { ChannelAccess, PipelineDeps } from "./deps.ts";
import { publishReceipts, publishTexts } from "./hear-provider.ts";
import { createSender, type KnownSender } from "./sender.ts";
import { unopenedProvider } from "./unopened-provider.ts";

export interface Connections {
  /**
   * The sender of a channel as it is given, or as it is known where that is newer. A channel that cannot be connected has one as
   * well, which says why and sends nothing; it is tried again at every call. Never rejects.
   */
  keepUpWith(channel: Channel): Promise<KnownSender>;
  end(channelId: string): Promise<void>;
  /** In the order in which channels are listed. */
  all(): KnownSender[];
  /** Ends all, also those that are being made. */
  close(): Promise<void>;
}

interface Connected {
  sender: KnownSender;
  /** Why it could not be connected; null where it could. */
  trouble: string | null;
  disconnect(): Promise<void>;
}

/** Hears what failed of a channel, and why. */
export type Failed = (channelId: string, error: unknown, what: string) => void;

/** How long a start is waited for: after that, the provider's own health tells how it goes on. */
const MOST_START_MS = 5_000;

export function createConnections(deps: PipelineDeps, access: ChannelAccess, failed: Failed): Connections {
  const connected = new Map<string, Connected>();
  const turns = oneAfterTheOther();

  /** Another connection in place of the one there is; where none can be made, something stands in for it. */
  async function reconnect(channel: Channel, before: Connected | undefined): Promise<Connected> {
    await before?.disconnect();
    const now = await connect(channel, deps, access, failed);
    if (now.trouble !== null && now.trouble === before?.trouble) return before;
    if (now.trouble !== null) failed(channel._id, now.trouble, "A channel could not be connected");
    connected.set(channel._id, now);
    return now;
  }

  function end(id: string): Promise<void> {
    return turns.take(id, async () => {
      await connected.get(id)?.disconnect();
      connected.delete(id);
    });
  }

  return {
    async keepUpWith(channel) {
      const { _id } = channel;
      const known = connected.get(_id);
      if (known !== undefined && !turns.isTaken(_id) && !needsAnother(known, channel)) return told(known, channel);
      return turns.take(_id, async () => {
        const before = connected.get(_id);
        const goesOn = before !== undefined && !needsAnother(before, channel);
        return told(goesOn ? before : await reconnect(channel, before), channel);
      });
    },
    end,
    all: () => [...connected.keys()].sort(asListed).flatMap((id) => connected.get(id)?.sender ?? []),
    async close() {
      await Promise.all([...new Set([...connected.keys(), ...turns.taken()])].map(end));
    },
  };
}

/** Connects a channel, or says why it cannot; either way nothing is left behind that the answer does not end. */
async function connect(channel: Channel, deps: PipelineDeps, access: ChannelAccess, failed: Failed): Promise<Connected> {
  const { clock } = deps;
  const standIn = (trouble: string): Connected => {
    const sender = createSender(channel, unopenedProvider(trouble, clock), { clock, access });
    return { sender, trouble, disconnect: async () => {} };
  };
  let provider: WhatsAppProvider;
  try {
    provider = await access.open(channel);
  } catch (error) {
    return standIn(wordsOf(error));
  }
  const stops = [publishReceipts(deps, provider), publishTexts(deps, channel._id, provider)];
  const connection: Connected = {
    sender: createSender(channel, provider, { clock, access }),
    trouble: null,
    async disconnect() {
      await provider.stop().catch((error: unknown) => failed(channel._id, error, "A connection did not end as it should"));
      for (const stop of stops) stop();
    },
  };
  const waited = new AbortController();
  const start = provider.start().catch((error: unknown) => {
    // One that fails when nobody waits for it any more is found by the next look.
    connection.trouble = wordsOf(error);
  });
  await Promise.race([start, clock.sleep(MOST_START_MS, waited.signal)]);
  waited.abort();
  if (connection.trouble === null) return connection;
  await connection.disconnect();
  return standIn(connection.trouble);
}

/** What is done to each channel, one thing after the other. */
function oneAfterTheOther() {
  const last = new Map<string, Promise<void>>();
  return {
    isTaken: (id: string) => last.has(id),
    taken: () => [...last.keys()],
    take<T>(id: string, act: () => Promise<T>): Promise<T> {
      const acted = (last.get(id) ?? Promise.resolve()).then(act);
      const ended = acted
        .then(
          () => {},
          () => {},
        )
        .then(() => {
          if (last.get(id) === ended) last.delete(id);
        });
      last.set(id, ended);
      return acted;
    },
  };
}

/** The default channel, then the others in the order of their identifiers. */
function asListed(one: string, other: string): number {
  if (one === DEFAULT_CHANNEL_ID || other === DEFAULT_CHANNEL_ID) return one === DEFAULT_CHANNEL_ID ? -1 : 1;
  return one < other ? -1 : 1;
}

/** Whoever has read a channel a little earlier may ask for it a little later. */
function isOlder(channel: Channel, known: Channel): boolean {
  return (
    channel.created_at < known.created_at || (channel.created_at === known.created_at && channel.updated_at < known.updated_at)
  );
}

function told({ sender }: Connected, channel: Channel): KnownSender {
  if (!isOlder(channel, sender.channel())) sender.know(channel);
  return sender;
}

/** Tells whether what has changed of a channel is part of its connection, or there is none yet. */
function needsAnother({ sender, trouble }: Connected, now: Channel): boolean {
  const before = sender.channel();
  if (isOlder(now, before)) return false;
  if (trouble !== null || before.created_at !== now.created_at) return true;
  if (before.settings.kind !== now.settings.kind || before.secrets !== now.secrets) return true;
  return now.settings.kind === "cloud" && JSON.stringify(before.settings) !== JSON.stringify(now.settings);
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
