/** Owns the durable log on one connection: appending batches, reading on from an offset, and who may move a group on. */
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { Instant } from "@mini-crm/core/instant";
import type { DeadTopicEvent } from "../event-bus/delivery.ts";
import { type Connection, number, numberOrNull, text, textOrNull } from "../sqlite/connection.ts";

/**
 * How many partitions a topic has: events of one key share one, others can pass each other. Only channels need that, because one
 * of them may wait for its rate limit; everything else is fastest in one piece.
 */
const PARTITIONS: Readonly<Record<string, number>> = { "campaign.messages": 8 };

/** An event as it lies in the log. */
export interface LoggedEvent {
  key: string;
  value: unknown;
}

/** Where a batch was read, and by whom: what commits it. */
export interface Position {
  group: string;
  topic: string;
  partition: number;
  owner: string;
  /** The offset behind the batch's last event. */
  next: number;
}

/** A partition's rows from an offset on, still as text: they are taken apart on the thread that handles them. */
export interface ReadBatch {
  partition: number;
  /** The offset of the first event to handle. */
  next: number;
  rows: { base: number; payload: string }[];
}

/** The events of a batch, at most `limit`. */
export function eventsOf({ next, rows }: ReadBatch, limit: number): LoggedEvent[] {
  const events: LoggedEvent[] = [];
  for (const { base, payload } of rows) {
    const logged: LoggedEvent[] = JSON.parse(payload);
    const from = Math.max(0, next - base);
    for (const event of logged.slice(from, from + limit - events.length)) events.push(event);
  }
  return events;
}

/** FNV-1a: spreads keys over partitions the same way in every process. */
function partitionOf(topic: string, key: string): number {
  const partitions = PARTITIONS[topic] ?? 1;
  if (partitions === 1) return 0;
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % partitions;
}

/** Events of one topic and partition, as they are to lie in the log. */
export interface LogBatch {
  topic: string;
  partition: number;
  n: number;
  payload: string;
}

/** Sorts events into one batch for each topic and partition among them. */
export function batchesOf(events: readonly (TopicEvent | DeadTopicEvent)[]): LogBatch[] {
  const batches = new Map<string, { topic: string; partition: number; events: LoggedEvent[] }>();
  for (const { topic, key, value } of events) {
    const partition = partitionOf(topic, key);
    const name = `${topic} ${partition}`;
    let batch = batches.get(name);
    if (batch === undefined) {
      batch = { topic, partition, events: [] };
      batches.set(name, batch);
    }
    batch.events.push({ key, value });
  }
  return Array.from(batches.values(), ({ topic, partition, events: logged }) => {
    return { topic, partition, n: logged.length, payload: JSON.stringify(logged) };
  });
}

/** Appends batches, a row each. The caller holds the transaction. */
export function append(connection: Connection, batches: readonly LogBatch[], now: Instant): void {
  for (const { topic, partition, n, payload } of batches) {
    const head = connection.get(
      `INSERT INTO event_head (topic, partition, next) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET next = next + excluded.next RETURNING next`,
      topic,
      partition,
      n,
    );
    if (head === undefined) throw new Error("The log's head gave no row");
    connection.run(
      "INSERT INTO event_log (topic, partition, base, n, payload, at) VALUES (?, ?, ?, ?, ?, ?)",
      topic,
      partition,
      number(head, "next") - n,
      n,
      payload,
      now,
    );
  }
}

/** A partition that a consumer owns. */
export interface Turn {
  group: string;
  topic: string;
  owner: string;
  /** Partitions that are being handled now, and so not to be read. */
  busy: readonly number[];
  batchSize: number;
  ownedForMs: number;
  now: Instant;
}

/**
 * Takes or renews every partition of the group's topic that is free or whose owner has let its time pass, and reads a batch
 * from each that has one and is not busy. Taking is one conditional statement, so it needs no transaction.
 */
export function readTurn(connection: Connection, turn: Turn): ReadBatch[] {
  const batches: ReadBatch[] = [];
  const heads = connection.all(
    `SELECT h.partition, h.next AS head, coalesce(o.next, 0) AS next, o.owner, o.owned_until
     FROM event_head AS h LEFT JOIN event_offset AS o
       ON o.consumer_group = ? AND o.topic = h.topic AND o.partition = h.partition
     WHERE h.topic = ?`,
    turn.group,
    turn.topic,
  );
  for (const row of heads) {
    const owner = textOrNull(row, "owner");
    const ownedUntil = numberOrNull(row, "owned_until") ?? 0;
    if (owner !== null && owner !== turn.owner && ownedUntil > turn.now) continue;
    const partition = number(row, "partition");
    const next = number(row, "next");
    const waiting = next < number(row, "head");
    // A partition in hand is renewed in good time; an idle one is taken only when there is something to do.
    if ((waiting || owner === turn.owner) && (owner !== turn.owner || ownedUntil - turn.now < turn.ownedForMs / 2)) {
      const taken = connection.run(
        `INSERT INTO event_offset (consumer_group, topic, partition, next, owner, owned_until) VALUES (?, ?, ?, 0, ?, ?)
         ON CONFLICT DO UPDATE SET owner = excluded.owner, owned_until = excluded.owned_until
         WHERE owner IS NULL OR owner = excluded.owner OR owned_until <= ?`,
        turn.group,
        turn.topic,
        partition,
        turn.owner,
        turn.now + turn.ownedForMs,
        turn.now,
      );
      if (taken === 0) continue;
    }
    if (!waiting || turn.busy.includes(partition)) continue;
    const rows = readRows(connection, turn.topic, partition, next, turn.batchSize);
    // A group that is new begins behind what has been swept away.
    const first = Math.max(next, rows[0]?.base ?? next);
    if (rows.length > 0) batches.push({ partition, next: first, rows });
  }
  return batches;
}

/** The rows that hold the next `limit` events, or as many as there are. */
function readRows(connection: Connection, topic: string, partition: number, next: number, limit: number): ReadBatch["rows"] {
  const rows: ReadBatch["rows"] = [];
  const holding = connection.get(
    "SELECT base, n FROM event_log WHERE topic = ? AND partition = ? AND base <= ? ORDER BY base DESC LIMIT 1",
    topic,
    partition,
    next,
  );
  const isHeld = holding !== undefined && number(holding, "base") + number(holding, "n") > next;
  let from = isHeld ? number(holding, "base") : next;
  for (let events = 0; events < limit; ) {
    const row = connection.get(
      "SELECT base, n, payload FROM event_log WHERE topic = ? AND partition = ? AND base >= ? ORDER BY base LIMIT 1",
      topic,
      partition,
      from,
    );
    if (row === undefined) break;
    rows.push({ base: number(row, "base"), payload: text(row, "payload") });
    from = number(row, "base") + number(row, "n");
    events += Math.min(number(row, "n"), from - next);
  }
  return rows;
}

/**
 * Moves a group on behind a batch, where the batch's owner is still the owner; false where another process has taken over, and
 * then nothing that came with the batch may be committed. The caller holds the transaction.
 */
export function moveOn(connection: Connection, position: Position): boolean {
  const moved = connection.run(
    "UPDATE event_offset SET next = ? WHERE consumer_group = ? AND topic = ? AND partition = ? AND owner = ? AND next < ?",
    position.next,
    position.group,
    position.topic,
    position.partition,
    position.owner,
    position.next,
  );
  return moved === 1;
}

/** Lets go of what `owner` holds of a group's topic, so that another process need not wait. */
export function letGo(connection: Connection, group: string, topic: string, owner: string): void {
  connection.run(
    "UPDATE event_offset SET owner = NULL, owned_until = NULL WHERE consumer_group = ? AND topic = ? AND owner = ?",
    group,
    topic,
    owner,
  );
}

/** How many events of `topic` the group has not moved past. */
export function lagOf(connection: Connection, topic: string, group: string): number {
  const row = connection.get(
    `SELECT coalesce(sum(h.next - coalesce(o.next, 0)), 0) AS lag FROM event_head AS h
     LEFT JOIN event_offset AS o ON o.consumer_group = ? AND o.topic = h.topic AND o.partition = h.partition
     WHERE h.topic = ?`,
    group,
    topic,
  );
  return row === undefined ? 0 : number(row, "lag");
}

/** The same of every group that has ever read the topic. */
export function lagsOf(connection: Connection, topic: string): { group: string; events: number }[] {
  const groups = connection.all(
    "SELECT DISTINCT consumer_group FROM event_offset WHERE topic = ? ORDER BY consumer_group",
    topic,
  );
  return groups.map((row) => {
    const group = text(row, "consumer_group");
    return { group, events: lagOf(connection, topic, group) };
  });
}

/** Deletes what every group has moved past and what was written before `before`. */
export function sweepLog(connection: Connection, before: Instant): number {
  return connection.run(
    `DELETE FROM event_log WHERE at < ? AND topic NOT LIKE '%.dead' AND base + n <= (
       SELECT min(o.next) FROM event_offset AS o WHERE o.topic = event_log.topic AND o.partition = event_log.partition)`,
    before,
  );
}

/** The oldest events of a topic, whoever has read them. */
export function readAll(connection: Connection, topic: string, limit: number): LoggedEvent[] {
  const rows = connection.all("SELECT payload FROM event_log WHERE topic = ? ORDER BY at, partition, base LIMIT ?", topic, limit);
  return rows.flatMap((row): LoggedEvent[] => JSON.parse(text(row, "payload"))).slice(0, limit);
}
