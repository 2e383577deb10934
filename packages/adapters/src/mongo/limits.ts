/** Owns what a channel has used of its limits, and who of those that ask to go out they let through. */
import type { SendingLimits } from "@mini-crm/core/channel/limits";
import { type ChannelUse, type Gate, notesRecipients, openGate } from "@mini-crm/core/channel/room";
import type { Instant } from "@mini-crm/core/instant";
import { lastSends, noteSends, recipientUse } from "./contacts.ts";
import { channelLock, lock } from "./locks.ts";
import { rateUse } from "./rate.ts";
import type { Tables } from "./tables.ts";

interface Asked {
  channel_id: string;
  limits: SendingLimits;
  now: Instant;
}

export async function channelUse(tables: Tables, { channel_id, limits, now }: Asked): Promise<ChannelUse> {
  const { rate, recipientsPerDay } = limits;
  return {
    rate: rate === null ? null : await rateUse(tables, channel_id, rate, now),
    recipients: recipientsPerDay === null ? null : await recipientUse(tables, channel_id, now),
  };
}

/** The channel's gate for messages to `phones`. What others send in the meantime counts as well: one of the two begins anew. */
export async function lockedGate(tables: Tables, asked: Asked, phones: readonly string[]): Promise<Gate> {
  const { channel_id, limits, now } = asked;
  const looksBack = notesRecipients(limits);
  if (looksBack || limits.rate !== null) await lock(tables, channelLock(channel_id));
  const lastSentAt = looksBack ? await lastSends(tables, channel_id, phones) : new Map<string, Instant>();
  return openGate(limits, { ...(await channelUse(tables, asked)), lastSentAt }, now);
}

/** Notes whom the channel has written to, where its limits look back at that. */
export async function noteRecipients(
  tables: Tables,
  { channel_id, limits, now }: Asked,
  phones: readonly string[],
): Promise<void> {
  if (notesRecipients(limits)) await noteSends(tables, channel_id, phones, now);
}
