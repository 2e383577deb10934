/** Proves what only the log itself shows: sweeping, gaps, and who may move a group on. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Connection, openConnection } from "../sqlite/connection.ts";
import { migrate } from "../sqlite/schema.ts";
import { append, batchesOf, eventsOf, lagOf, letGo, moveOn, readTurn, sweepLog, type Turn } from "./log.ts";

let connection: Connection;
beforeEach(() => {
  connection = openConnection(":memory:", "read-write");
  migrate(connection.db, Date.now());
});
afterEach(() => connection.close());

const turn = (fields: Partial<Turn> = {}): Turn => ({
  group: "g",
  topic: "campaign.jobs",
  owner: "me",
  busy: [],
  batchSize: 100,
  ownedForMs: 1_000,
  now: 0,
  ...fields,
});

function publish(from: number, count: number, now = 0): void {
  const events = Array.from({ length: count }, (_, index) => ({
    topic: "campaign.jobs" as const,
    key: "k",
    value: { version: 1 as const, campaign_id: "k", after: String(from + index) },
  }));
  append(connection, batchesOf(events), now);
}

/** Reads a batch as `fields` say and moves the group on behind it; answers what it held. */
function take(fields: Partial<Turn> = {}): string[] {
  const asked = turn(fields);
  const [batch] = readTurn(connection, asked);
  if (batch === undefined) return [];
  const events = eventsOf(batch, asked.batchSize);
  const { group, topic, owner } = asked;
  expect(moveOn(connection, { group, topic, owner, partition: batch.partition, next: batch.next + events.length })).toBe(true);
  return events.map(({ value }) => (value as { after: string }).after);
}

test("batches end and begin in the middle of what was published together", () => {
  publish(0, 5);
  publish(5, 5);
  expect(take({ batchSize: 3 })).toEqual(["0", "1", "2"]);
  expect(take({ batchSize: 4 })).toEqual(["3", "4", "5", "6"]);
  expect(take({ batchSize: 4 })).toEqual(["7", "8", "9"]);
  expect(take()).toEqual([]);
});

test("a partition belongs to one process until its time has passed or it lets go", () => {
  publish(0, 4);
  expect(take({ batchSize: 1 })).toEqual(["0"]);
  expect(take({ owner: "other", batchSize: 1, now: 999 })).toEqual([]);
  expect(take({ owner: "other", batchSize: 1, now: 1_000 })).toEqual(["1"]);
  letGo(connection, "g", "campaign.jobs", "other");
  expect(take({ batchSize: 1, now: 1_001 })).toEqual(["2"]);
});

test("a process that was overtaken cannot move the group on", () => {
  publish(0, 2);
  const [batch] = readTurn(connection, turn());
  expect(batch).toBeDefined();
  expect(take({ owner: "other", now: 5_000 })).toEqual(["0", "1"]);
  expect(moveOn(connection, { group: "g", topic: "campaign.jobs", owner: "me", partition: 0, next: 2 })).toBe(false);
});

test("sweeping takes only what every group has passed, and a new group begins behind it", () => {
  publish(0, 3);
  publish(3, 3);
  expect(take({ batchSize: 3 })).toHaveLength(3);
  expect(take({ group: "slow", batchSize: 1 })).toEqual(["0"]);
  expect(sweepLog(connection, 1)).toBe(0);
  expect(take({ group: "slow", batchSize: 2 })).toEqual(["1", "2"]);
  expect(sweepLog(connection, 1)).toBe(1);
  expect(take({ group: "new" })).toEqual(["3", "4", "5"]);
  expect(take({ group: "slow" })).toEqual(["3", "4", "5"]);
  expect(lagOf(connection, "campaign.jobs", "g")).toBe(3);
});
