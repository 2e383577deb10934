/** Owns the verbs on the sessions of linked devices: who has one, and what the device knows. */
import { held, isHeldBy } from "@mini-crm/core/channel/session-lease";
import type { SessionStore } from "@mini-crm/core/ports/channel-store";
import { lock, sessionLock } from "./locks.ts";
import type { Tables } from "./tables.ts";

type Request<V extends keyof SessionStore> = Parameters<SessionStore[V]>[0];

export async function holdSession(tables: Tables, request: Request<"hold">): ReturnType<SessionStore["hold"]> {
  const { channel_id: _id } = request;
  const known = await tables.channel_session.one({ _id });
  const { answer, lease } = held(known, request);
  if (lease === known) return answer;
  // Whoever had it before, and writes at this moment, has written before this, or begins anew behind it.
  if (lease.owner !== known?.owner) await lock(tables, sessionLock(_id));
  await tables.channel_session.put({ _id, ...lease });
  return answer;
}

export async function letSessionGo(tables: Tables, channelId: string, owner: string): Promise<void> {
  await tables.channel_session.remove({ _id: channelId, owner });
}

export async function readEntries(tables: Tables, channelId: string, keys: readonly string[]): Promise<Record<string, string>> {
  const entries = await tables.channel_session_entry.find({ _id: { $in: keys.map((key) => entryId(channelId, key)) } });
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
}

export async function writeEntries(tables: Tables, { channel_id, owner, entries, now }: Request<"write">): Promise<boolean> {
  if (!(await holdsNow(tables, { channel_id, owner, now }))) return false;
  await tables.channel_session_entry.write(
    Object.entries(entries).map(([key, value]) => {
      const _id = entryId(channel_id, key);
      if (value === null) return { deleteOne: { filter: { _id } } };
      return { replaceOne: { filter: { _id }, replacement: { _id, channel_id, key, value }, upsert: true } };
    }),
  );
  return true;
}

export async function clearSession(tables: Tables, { channel_id, owner, prefix, now }: Request<"clear">): Promise<boolean> {
  if (!(await holdsNow(tables, { channel_id, owner, now }))) return false;
  await clearEntries(tables, channel_id, prefix);
  return true;
}

/** Takes everything away whose key begins with `prefix`, whoever has the session. */
export async function clearEntries(tables: Tables, channelId: string, prefix: string): Promise<void> {
  const first = entryId(channelId, prefix);
  // No key goes on with the last character that there is.
  await tables.channel_session_entry.remove({ _id: { $gte: first, $lt: `${first}\u{10ffff}` } });
}

/** Whoever takes the session over at the same moment does so behind the caller's transaction, or the caller begins anew. */
async function holdsNow(tables: Tables, { channel_id, owner, now }: Omit<Request<"write">, "entries">): Promise<boolean> {
  await lock(tables, sessionLock(channel_id));
  return isHeldBy(await tables.channel_session.one({ _id: channel_id }), owner, now);
}

/** A channel's identifier has no blank. */
function entryId(channelId: string, key: string): string {
  return `${channelId} ${key}`;
}
