/** Proves that a database of an earlier version is brought up to date with all that is in it. */
import { NO_CONTENT } from "@mini-crm/core/campaign/earlier-versions";
import { NO_OPTIONS } from "@mini-crm/core/campaign/options";
import { defaultChannel } from "@mini-crm/core/channel/channel";
import { NO_LIMITS } from "@mini-crm/core/channel/limits";
import { EVERYBODY } from "@mini-crm/core/contracts/samples";
import { plainText } from "@mini-crm/core/message/content";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventsOf } from "../embedded-bus/log.ts";
import { type Connection, number, openConnection } from "./connection.ts";
import { foreignVersion, MIGRATIONS, migrate } from "./schema.ts";
import { createVerbs } from "./verbs.ts";

const CAMPAIGN = "c".repeat(24);
const LEAD = "a".repeat(24);
const [SENT, WAITS] = ["1".repeat(24), "2".repeat(24)] as const;

let connection: Connection;
beforeEach(() => {
  connection = openConnection(":memory:", "read-write");
});
afterEach(() => connection.close());

/** What the first version left behind: a campaign, a test that was sent and one that waits, and their looks. */
function fillFirstVersion(): void {
  connection.db.exec(`${MIGRATIONS[0]}; PRAGMA user_version = 1`);
  const { media: _media, buttons: _buttons, template: _template, ...options } = NO_OPTIONS;
  const frozen = { rule: EVERYBODY, variants: [{ name: "A", percent: 100, template: "Hi" }], fields: [], cutoff: 5 };
  connection.run(
    `INSERT INTO campaign (_id, name, segment_id, channel_id, message_template, options, created_by, status, schedule_grace_ms,
       frozen, expected, expanded, created_at, updated_at) VALUES (?, 'x', 's', 'default', 'Hi', ?, 'me', 'RUNNING', 0, ?, 1, 1, 5, 5)`,
    CAMPAIGN,
    JSON.stringify(options),
    JSON.stringify(frozen),
  );
  const insertTest = `INSERT INTO test_message (_id, campaign_id, channel_id, lead_id, phone, variant, text, status, provider_id,
    worker, created_at, sending_at, sent_at) VALUES (?, ?, 'default', ?, '+4930901820', 'A', ?, ?, ?, ?, 5, ?, ?)`;
  connection.run(insertTest, SENT, CAMPAIGN, LEAD, 'Hi "you"', "SENT", "wamid.1", "w1", 6, 7);
  connection.run(insertTest, WAITS, CAMPAIGN, LEAD, "Hi", "PENDING", null, null, null, null);

  const look = (id: string) => ({ key: "default", value: { version: 1, test_id: id, channel_id: "default" } });
  connection.run(
    "INSERT INTO event_log (topic, partition, base, n, payload, at) VALUES ('campaign.tests', 0, 0, 2, ?, 5)",
    JSON.stringify([look(SENT), look(WAITS)]),
  );
  connection.run("INSERT INTO event_head (topic, partition, next) VALUES ('campaign.tests', 0, 2)");
  connection.run(
    "INSERT INTO event_offset (consumer_group, topic, partition, next) VALUES ('test-sender', 'campaign.tests', 0, 1)",
  );
  const text = { version: 1, provider_id: "in", channel_id: "default", from: "+1", name: null, text: '"test_id":', at: 5 };
  const events = [
    { topic: "campaign.tests", ...look(WAITS) },
    { topic: "message.inbound", key: "+1", value: text },
  ];
  connection.run("INSERT INTO outbox (events) VALUES (?)", JSON.stringify(events));
  const detail = { stages: { jobExpander: "running" }, channels: [{ id: "default", rate: null }] };
  connection.run("INSERT INTO process (_id, role, seen_at, detail) VALUES ('w1', 'workers', 5, ?)", JSON.stringify(detail));
}

test("a file of the first version is told from one of this, which is left as it is", () => {
  fillFirstVersion();
  expect(foreignVersion(connection.db)).toContain("older version");
  migrate(connection.db, Date.now());
  expect(foreignVersion(connection.db)).toBeNull();
  const before = connection.db.prepare("SELECT * FROM direct_message").all();
  migrate(connection.db, Date.now());
  expect(connection.db.prepare("SELECT * FROM direct_message").all()).toEqual(before);
});

test("campaigns of the first version have what they did not know of not set", () => {
  fillFirstVersion();
  migrate(connection.db, Date.now());
  const campaign = createVerbs(connection, { now: () => 9, random: Math.random }).readCampaign(CAMPAIGN);
  expect(campaign?.options).toEqual(NO_OPTIONS);
  expect(campaign?.frozen).toMatchObject({ rule: EVERYBODY, cutoff: 5, content: NO_CONTENT });
});

test("tests of the first version are plain texts, keep what came of them, and those that waited go out", () => {
  fillFirstVersion();
  migrate(connection.db, Date.now());
  const verbs = createVerbs(connection, { now: () => 9, random: Math.random });
  const { items } = verbs.directOfCampaign(CAMPAIGN, { page: 1, limit: 10 });
  expect(items).toMatchObject([
    { _id: WAITS, status: "PENDING", content: plainText("Hi"), variant: "A" },
    { _id: SENT, status: "SENT", content: plainText('Hi "you"'), provider_id: "wamid.1", sending_at: 6, sent_at: 7 },
  ]);

  const turn = { group: "direct-sender", topic: "message.direct", owner: "w1", busy: [], batchSize: 9, ownedForMs: 9, now: 9 };
  const [batch] = verbs.readTurn(turn);
  if (batch === undefined) throw new Error("The look is lost");
  expect(eventsOf(batch, 10)).toEqual([{ key: "default", value: { version: 1, direct_id: WAITS, channel_id: "default" } }]);
  const claim = verbs.claimDirect({ _id: WAITS, worker: "w1", limits: NO_LIMITS, leaseMs: 9, now: 9 });
  expect(claim).toMatchObject({ kind: "claimed", message: { content: plainText("Hi") } });

  const [outbox] = verbs.unpublishedEvents(10);
  expect(outbox?.events).toMatchObject([
    { topic: "message.direct", value: { direct_id: WAITS } },
    { topic: "message.inbound", value: { text: '"test_id":' } },
  ]);
});

test("what processes of the first version said of channels is forgotten, and they themselves are not", () => {
  fillFirstVersion();
  migrate(connection.db, Date.now());
  const signs = createVerbs(connection, { now: () => 9, random: Math.random }).processesSince(0);
  expect(signs).toMatchObject([{ _id: "w1", detail: { stages: { jobExpander: "running" }, channels: [] } }]);
});

test("the default channel is put in where it is missing, and kept as people have changed it", () => {
  migrate(connection.db, Date.now());
  const verbs = createVerbs(connection, { now: () => 9, random: Math.random });
  const known = verbs.readChannel("default");
  expect(known).toEqual(defaultChannel(known?.created_at ?? 0));
  verbs.changeChannel("default", { name: "Ours", creates_leads: true }, 9, null);
  migrate(connection.db, Date.now());
  expect(verbs.readChannel("default")).toMatchObject({ name: "Ours", creates_leads: true });
  expect(verbs.listChannels()).toHaveLength(1);
});

test("what is asked again and again is found by its index", () => {
  migrate(connection.db, Date.now());
  const planOf = (sql: string) => connection.all(`EXPLAIN QUERY PLAN ${sql}`).map((row) => String(row["detail"]));
  expect(planOf("SELECT count(*), min(last_sent_at) FROM channel_contact WHERE channel_id = 'a' AND last_sent_at > 5")).toEqual([
    expect.stringContaining("COVERING INDEX channel_contact_sent"),
  ]);
  expect(planOf("SELECT * FROM direct_message WHERE lead_id = 'a' AND campaign_id IS NULL ORDER BY _id DESC LIMIT 5")).toEqual([
    expect.stringContaining("INDEX direct_message_lead"),
  ]);
  expect(planOf("SELECT * FROM direct_message WHERE campaign_id = 'a' ORDER BY _id DESC LIMIT 5")).toEqual([
    expect.stringContaining("INDEX direct_message_campaign"),
  ]);
  expect(number(connection.get("PRAGMA user_version") ?? {}, "user_version")).toBe(MIGRATIONS.length);
});
