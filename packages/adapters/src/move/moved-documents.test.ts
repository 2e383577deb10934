/** Proves that no table is forgotten, and which events of the embedded log a move takes along. */
import { constants } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Connection, openConnection, text } from "../sqlite/connection.ts";
import { migrate } from "../sqlite/schema.ts";
import { MOVED_DOCUMENTS, NOT_READ } from "./moved-documents.ts";
import { MOVED_NAMES } from "./target.ts";

let connection: Connection;
beforeEach(() => {
  connection = openConnection(":memory:", "read-write");
  migrate(connection.db, Date.now());
});
afterEach(() => connection.close());

test("every table of the schema is read, or named as one that is not", () => {
  const tables = connection.all("SELECT name FROM sqlite_master WHERE type = 'table'").map((row) => text(row, "name"));
  // Whatever is asked for each row is asked for a row of this.
  connection.run(`INSERT INTO message (campaign_id, lead_id, status, attempt, created_at)
    VALUES ('${"a".repeat(24)}', '${"b".repeat(24)}', 'PENDING', 0, 0)`);
  connection.run(`INSERT INTO campaign (_id, name, segment_id, channel_id, message_template, options, created_by, status,
    schedule_grace_ms, expected, expanded, created_at, updated_at) VALUES ('', '', '', '', '', '{}', '', 'DRAFT', 0, 0, 0, 0, 0)`);
  const read = new Set<string | null>();
  connection.db.setAuthorizer((action, table) => {
    if (action === constants.SQLITE_READ) read.add(table);
    return constants.SQLITE_OK;
  });
  const documents = MOVED_NAMES.flatMap((name): object[] => [...MOVED_DOCUMENTS[name](connection)]);
  expect(documents).toHaveLength(4); // The two, the total of leads, and the default channel.
  const forgotten = tables.filter((table) => !read.has(table) && !(table in NOT_READ));
  expect(forgotten).toEqual([]);
  expect(Object.keys(NOT_READ).filter((table) => read.has(table) || !tables.includes(table))).toEqual([]);
});

function log(topic: string, base: number, keys: readonly string[]): void {
  connection.run(
    "INSERT INTO event_log (topic, partition, base, n, payload, at) VALUES (?, 0, ?, ?, ?, 0)",
    topic,
    base,
    keys.length,
    JSON.stringify(keys.map((key) => ({ key, value: {} }))),
  );
}

function offset(group: string, topic: string, next: number): void {
  connection.run("INSERT INTO event_offset (consumer_group, topic, partition, next) VALUES (?, ?, 0, ?)", group, topic, next);
}

test("the outbox gets what waited in it, and what of the log some group has not handled, in its order", () => {
  const waiting = { topic: "campaign.jobs", key: "w", value: {} };
  connection.run("INSERT INTO outbox (events) VALUES (?)", JSON.stringify([waiting]));
  log("campaign.jobs", 0, ["a", "b"]);
  log("campaign.jobs", 2, ["c", "d", "e"]);
  log("campaign.jobs", 5, ["f"]);
  offset("fast", "campaign.jobs", 6);
  offset("slow", "campaign.jobs", 3);
  log("message.statuses", 0, ["done"]);
  offset("only", "message.statuses", 1);
  log("message.inbound", 7, ["nobody has read it"]);
  log("campaign.jobs.dead", 0, ["dead"]);
  const entries = [...MOVED_DOCUMENTS.outbox(connection)];
  expect(entries.map(({ events }) => events.map(({ topic, key }) => `${topic} ${key}`))).toEqual([
    ["campaign.jobs w"],
    ["campaign.jobs d", "campaign.jobs e"],
    ["campaign.jobs f"],
    ["message.inbound nobody has read it"],
  ]);
  const ids = entries.map(({ _id }) => _id.toHexString());
  expect(ids).toEqual([...new Set(ids)].sort());
});
