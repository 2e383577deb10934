/** Owns whom a channel wrote to and who wrote to it: what its limits and its windows look back at. */
import { RECIPIENTS_WINDOW_MS } from "@mini-crm/core/channel/room";
import type { Instant } from "@mini-crm/core/instant";
import type { ContactStore } from "@mini-crm/core/ports/channel-store";
import type { AnyBulkWriteOperation } from "mongodb";
import type { ChannelContactDocument } from "./documents.ts";
import type { Tables } from "./tables.ts";

/** Who was heard of by a number: under which name WhatsApp knows them, where it tells, and when they wrote, where they did. */
export interface HeardFrom {
  channel_id: string;
  phone: string;
  user_id: string | null;
  /** Null where they only used WhatsApp's own controls. */
  last_text_at: Instant | null;
}

export async function noteTexts(tables: Tables, texts: readonly HeardFrom[]): Promise<void> {
  await tables.channel_contact.write(
    texts.map(({ channel_id, phone, user_id, last_text_at }) =>
      noting(channel_id, phone, {
        ...(last_text_at === null ? {} : { $max: { last_text_at } }),
        ...(user_id === null ? {} : { $set: { user_id } }),
      }),
    ),
  );
}

export async function noteSends(tables: Tables, channelId: string, phones: readonly string[], now: Instant): Promise<void> {
  await tables.channel_contact.write(phones.map((phone) => noting(channelId, phone, { $max: { last_sent_at: now } })));
}

type Change = { $max?: Partial<ChannelContactDocument>; $set?: Partial<ChannelContactDocument> };

function noting(channel_id: string, phone: string, change: Change): AnyBulkWriteOperation<ChannelContactDocument> {
  const update = { $setOnInsert: { channel_id, phone }, ...change };
  return { updateOne: { filter: { _id: contactId(channel_id, phone) }, update, upsert: true } };
}

export async function lastTexts(tables: Tables, channelId: string, phones: readonly string[]): Promise<Record<string, Instant>> {
  const contacts = await contactsAmong(tables, channelId, phones);
  return Object.fromEntries(
    contacts.flatMap(({ phone, last_text_at }) => (last_text_at === undefined ? [] : [[phone, last_text_at]])),
  );
}

/** When each of these numbers was last written to, as far as that was noted. */
export async function lastSends(tables: Tables, channelId: string, phones: readonly string[]): Promise<Map<string, Instant>> {
  const contacts = await contactsAmong(tables, channelId, phones);
  return new Map(contacts.flatMap(({ phone, last_sent_at }) => (last_sent_at === undefined ? [] : [[phone, last_sent_at]])));
}

function contactsAmong(tables: Tables, channelId: string, phones: readonly string[]): Promise<ChannelContactDocument[]> {
  return tables.channel_contact.find({ _id: { $in: phones.map((phone) => contactId(channelId, phone)) } });
}

export async function phonesOfUsers(
  tables: Tables,
  channelId: string,
  userIds: readonly string[],
): Promise<Record<string, string>> {
  const filter = { channel_id: channelId, user_id: { $in: [...userIds] } };
  // Of several numbers the one that they wrote from last stays.
  const contacts = await tables.channel_contact.find(filter, { sort: { last_text_at: 1 } });
  return Object.fromEntries(contacts.map(({ user_id = "", phone }) => [user_id, phone]));
}

export async function recipientUse(tables: Tables, channelId: string, now: Instant): ReturnType<ContactStore["recipientUse"]> {
  const recent = { channel_id: channelId, last_sent_at: { $gt: now - RECIPIENTS_WINDOW_MS } };
  const oldest = await tables.channel_contact.one(recent, { sort: { last_sent_at: 1 }, projection: { last_sent_at: 1 } });
  const recipients = oldest === null ? 0 : await tables.channel_contact.count(recent);
  return { recipients, resetAt: (oldest?.last_sent_at ?? now) + RECIPIENTS_WINDOW_MS };
}

/** A channel's identifier has no blank. */
function contactId(channelId: string, phone: string): string {
  return `${channelId} ${phone}`;
}
