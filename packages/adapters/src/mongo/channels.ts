/** Owns the verbs on channels. */
import { type MessageCounts, noMessages } from "@mini-crm/core/campaign/campaign";
import { channelRemoval, editedChannel } from "@mini-crm/core/channel/changes";
import { type Channel, DEFAULT_CHANNEL_ID, defaultChannel, MAX_CHANNELS } from "@mini-crm/core/channel/channel";
import type { Instant } from "@mini-crm/core/instant";
import { MESSAGE_STATUSES } from "@mini-crm/core/message/message";
import type { ChannelStore } from "@mini-crm/core/ports/channel-store";
import { countedOf } from "./counters.ts";
import type { MongoDatabase } from "./database.ts";
import { CHANNELS, channelLock, lock, sessionLock } from "./locks.ts";
import { clearEntries } from "./sessions.ts";
import type { Tables } from "./tables.ts";

type Removal = Awaited<ReturnType<ChannelStore["remove"]>>;

/** Writes the channel that is always there, unless it is. */
export async function addDefaultChannel(tables: Tables, now: Instant): Promise<void> {
  const { _id, ...fields } = defaultChannel(now);
  await tables.channel.upsert({ _id }, { $setOnInsert: fields });
}

export async function createChannel(tables: Tables, channel: Channel): ReturnType<ChannelStore["create"]> {
  // Of two at once, one would not count the other.
  await lock(tables, CHANNELS);
  if ((await readChannel(tables, channel._id)) !== null) return "taken";
  if ((await tables.channel.count({})) >= MAX_CHANNELS) return "full";
  // What was late when an earlier one of this name was taken away.
  await removeBelongings(tables, channel._id);
  await tables.channel.insert([channel]);
  return "created";
}

export function readChannel(tables: Tables, id: string): Promise<Channel | null> {
  return tables.channel.one({ _id: id });
}

export async function listChannels(tables: Tables): Promise<Channel[]> {
  const channels = await tables.channel.find({}, { sort: { _id: 1 } });
  const isDefault = ({ _id }: Channel): boolean => _id === DEFAULT_CHANNEL_ID;
  return [...channels.filter(isDefault), ...channels.filter((channel) => !isDefault(channel))];
}

export async function changeChannel(
  tables: Tables,
  ...[id, fields, now, seenAt]: Parameters<ChannelStore["change"]>
): ReturnType<ChannelStore["change"]> {
  const edit = editedChannel(await readChannel(tables, id), fields, now, seenAt);
  if (edit?.kind === "changed") await tables.channel.put(edit.channel);
  return edit;
}

/** Those of all campaigns over the channel together. */
export async function messagesOver(tables: Tables, id: string): Promise<MessageCounts> {
  const campaigns = await tables.campaign.find({ channel_id: id }, { projection: { _id: 1 } });
  const counted = await countedOf(
    tables,
    campaigns.map(({ _id }) => _id),
  );
  const sum = noMessages();
  for (const { counts } of counted.values()) for (const status of MESSAGE_STATUSES) sum[status] += counts[status];
  return sum;
}

/**
 * Removes the recipients first, of whom there may be millions, too many for one transaction. After a crash in between the channel
 * is still there, and the next call goes on where this one ended.
 */
export async function removeChannel(database: MongoDatabase, id: string): Promise<Removal> {
  const removal = await database.read((tables) => removalOf(tables, id));
  if (removal.kind !== "removed") return removal;
  await database.write((tables) => removeContacts(tables, id));
  return database.transaction(async (tables) => {
    const now = await removalOf(tables, id);
    if (now.kind === "removed") {
      await removeBelongings(tables, id);
      await tables.channel.remove({ _id: id });
    }
    return now;
  });
}

async function removalOf(tables: Tables, id: string): Promise<Removal> {
  const users = await tables.campaign.find(
    { channel_id: id, status: { $in: ["DRAFT", "SCHEDULED", "RUNNING", "PAUSED"] } },
    { projection: { _id: 1 }, sort: { _id: 1 }, limit: 100 },
  );
  return channelRemoval(
    await readChannel(tables, id),
    users.map(({ _id }) => _id),
  );
}

async function removeContacts(tables: Tables, id: string): Promise<void> {
  await tables.channel_contact.remove({ channel_id: id });
}

async function removeBelongings(tables: Tables, id: string): Promise<void> {
  await removeContacts(tables, id);
  await clearEntries(tables, id, "");
  await tables.channel_session.remove({ _id: id });
  await tables.whatsapp_template.remove({ channel_id: id });
  await tables.lock.remove({ _id: { $in: [channelLock(id), sessionLock(id)] } });
}
