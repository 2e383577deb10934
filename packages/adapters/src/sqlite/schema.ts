/** Owns the SQLite schema: its tables, why each index exists, and the migrations that lead to it. */
import type { DatabaseSync } from "node:sqlite";
import { AppError } from "@mini-crm/core/app-error";
import type { Instant } from "@mini-crm/core/instant";
import { insertDefaultChannel } from "./channels.ts";
import { CHANNELS } from "./schema-of-channels.ts";

/**
 * Each entry takes a database from the version of its index to the next one. Entries are never edited once released.
 * Times are epoch milliseconds; `metadata` is JSONB; lists are JSON text beside `lead_contact`, which indexes them.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE lead (
    _id TEXT PRIMARY KEY,
    external_id TEXT,
    name TEXT,
    emails TEXT NOT NULL,
    phones TEXT NOT NULL,
    tags TEXT NOT NULL,
    total_spend REAL,
    visits REAL,
    last_order_at INTEGER,
    timezone TEXT,
    consent TEXT NOT NULL,
    consent_source TEXT,
    consent_at INTEGER,
    metadata BLOB NOT NULL,
    shares_phone INTEGER NOT NULL DEFAULT 0, -- 1 where another lead has had one of its numbers too
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;
  -- The few who cannot be written to: asked for by every expansion and every admission.
  CREATE INDEX lead_unreachable ON lead (_id) WHERE consent = 'opted_out' OR phones = '[]';
  CREATE INDEX lead_shares_phone ON lead (_id) WHERE shares_phone = 1;
  CREATE UNIQUE INDEX lead_external_id ON lead (external_id) WHERE external_id IS NOT NULL;
  CREATE INDEX lead_total_spend ON lead (total_spend, visits); -- the two that are asked for together
  CREATE INDEX lead_visits ON lead (visits);
  CREATE INDEX lead_last_order_at ON lead (last_order_at);

  -- Every e-mail address and phone number of every lead: how a lead is recognised, and how rules on lists find their index.
  CREATE TABLE lead_contact (
    kind TEXT NOT NULL, -- email | phone | tag
    value TEXT NOT NULL,
    lead_id TEXT NOT NULL,
    PRIMARY KEY (kind, value, lead_id)
  ) STRICT, WITHOUT ROWID;

  -- Numbers that leads had who shared them with others: what was sent to such a lead was sent to the number.
  CREATE TABLE former_phone (phone TEXT NOT NULL, lead_id TEXT NOT NULL, PRIMARY KEY (phone, lead_id)) STRICT, WITHOUT ROWID;

  -- One row: how many leads there are, so that a page's total needs no scan.
  CREATE TABLE lead_total (leads INTEGER NOT NULL) STRICT;
  INSERT INTO lead_total VALUES (0);

  CREATE TABLE segment (
    _id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    owner_user_id TEXT NOT NULL,
    rule_ast TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE campaign (
    _id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    segment_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    message_template TEXT NOT NULL,
    options TEXT NOT NULL, -- JSON of \`CampaignOptions\`
    created_by TEXT NOT NULL,
    status TEXT NOT NULL,
    scheduled_at INTEGER,
    schedule_grace_ms INTEGER NOT NULL,
    hold TEXT, -- JSON of \`Hold\`
    canary_phase TEXT,
    frozen TEXT, -- JSON of \`FrozenRun\`; null before the start
    expected INTEGER NOT NULL, -- leads that matched when the audience was frozen
    expanded INTEGER NOT NULL, -- 1 when every message of the audience has its row
    expanded_to TEXT, -- the last lead that has been looked at; null before the first
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    started_at INTEGER,
    last_sent_at INTEGER,
    completed_at INTEGER
  ) STRICT;
  CREATE INDEX campaign_status ON campaign (status);
  CREATE INDEX campaign_segment ON campaign (segment_id);

  -- Which parts of the leads a campaign's audience was written down in: each begins behind the lead \`after\`.
  CREATE TABLE message_window (campaign_id TEXT NOT NULL, after TEXT NOT NULL, PRIMARY KEY (campaign_id, after)) STRICT, WITHOUT ROWID;

  -- How many messages of each window stand where; changed in the transaction that changes the rows. They are the ledger's figures,
  -- and say which windows hold what is looked for: an index by status would cost every change of a status more than it gives.
  CREATE TABLE campaign_count (
    campaign_id TEXT NOT NULL,
    status TEXT NOT NULL,
    code TEXT NOT NULL, -- why, as in the message; '' where the status needs no reason
    variant INTEGER NOT NULL, -- 0 for messages that have not left
    window TEXT NOT NULL, -- message_window.after
    messages INTEGER NOT NULL,
    PRIMARY KEY (campaign_id, status, code, variant, window)
  ) STRICT, WITHOUT ROWID;

  -- How many recipients of a campaign's text have answered it.
  CREATE TABLE campaign_reaction (
    campaign_id TEXT NOT NULL,
    variant INTEGER NOT NULL,
    reaction TEXT NOT NULL, -- replied | opted_out
    messages INTEGER NOT NULL,
    PRIMARY KEY (campaign_id, variant, reaction)
  ) STRICT, WITHOUT ROWID;

  -- One row per recipient of a campaign: the key is what keeps anybody from being sent the same message twice.
  CREATE TABLE message (
    campaign_id TEXT NOT NULL,
    lead_id TEXT NOT NULL,
    status TEXT NOT NULL,
    phone TEXT, -- E.164, as it was when the audience was expanded
    attempt INTEGER NOT NULL,
    tries_from INTEGER NOT NULL DEFAULT 0, -- the attempt after which a person last had it tried again
    worker TEXT, -- whoever claimed it last
    due_at INTEGER, -- PENDING: not before, for the reason in \`code\`
    code TEXT,
    reason TEXT,
    retryable INTEGER,
    provider_id TEXT,
    created_at INTEGER NOT NULL,
    sending_at INTEGER,
    sent_at INTEGER,
    delivered_at INTEGER,
    read_at INTEGER,
    settled_at INTEGER, -- FAILED, SKIPPED, CANCELLED, UNCERTAIN
    replied_at INTEGER, -- the first answer
    opted_out_at INTEGER, -- the first answer that was a stop
    PRIMARY KEY (campaign_id, lead_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX message_due ON message (campaign_id, due_at, code) WHERE due_at IS NOT NULL;
  -- The few that are looked for: one of ten thousand would else cost a page half a million rows. What is sent and delivered never
  -- comes into it.
  CREATE INDEX message_settled ON message (campaign_id, status, lead_id, code) WHERE settled_at IS NOT NULL;

  -- What happened to messages besides the times in their rows: refusals, lost answers, tries by hand.
  CREATE TABLE message_event (
    campaign_id TEXT NOT NULL,
    lead_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    code TEXT,
    reason TEXT,
    provider_id TEXT
  ) STRICT;
  CREATE INDEX message_event_message ON message_event (campaign_id, lead_id);

  -- Which worker has claimed which messages until when. A lease of a whole claim costs one row; one in each message's row would
  -- cost every claim and every outcome an index entry. A row stays until its lease ends, whatever has become of its messages.
  CREATE TABLE claim (
    worker TEXT NOT NULL,
    campaign_id TEXT NOT NULL,
    first TEXT NOT NULL, -- lead
    last TEXT NOT NULL, -- lead
    until INTEGER NOT NULL
  ) STRICT;

  -- What was put on the wire, written before it is sent. A table of its own, so that status changes rewrite small rows.
  CREATE TABLE message_text (
    campaign_id TEXT NOT NULL,
    lead_id TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (campaign_id, lead_id)
  ) STRICT, WITHOUT ROWID;

  -- When each channel sent how many of which campaign, for some minutes: rate limits look back at it, and outlive every process.
  CREATE TABLE channel_send (channel_id TEXT NOT NULL, campaign_id TEXT NOT NULL, at INTEGER NOT NULL, messages INTEGER NOT NULL) STRICT;
  CREATE INDEX channel_send_at ON channel_send (channel_id, at);

  -- What was shown of a campaign before its start, for a day: a start may be held to it.
  CREATE TABLE preflight (
    token TEXT PRIMARY KEY,
    campaign_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    shown TEXT NOT NULL -- JSON of \`Preflight\`
  ) STRICT;

  -- Texts that a person sent to look at them: in no campaign's figures.
  CREATE TABLE test_message (
    _id TEXT PRIMARY KEY,
    campaign_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    lead_id TEXT NOT NULL, -- whose data the text shows
    phone TEXT NOT NULL, -- E.164
    variant TEXT NOT NULL,
    text TEXT NOT NULL,
    status TEXT NOT NULL,
    code TEXT,
    reason TEXT,
    provider_id TEXT,
    worker TEXT, -- whoever sends it
    lease_until INTEGER, -- SENDING: after it, nobody knows
    created_at INTEGER NOT NULL,
    sending_at INTEGER,
    sent_at INTEGER,
    delivered_at INTEGER,
    read_at INTEGER
  ) STRICT;
  CREATE INDEX test_message_campaign ON test_message (campaign_id, _id);
  CREATE INDEX test_message_lease ON test_message (lease_until) WHERE lease_until IS NOT NULL;

  -- The last sign of life of every process, and what it says of itself.
  CREATE TABLE process (
    _id TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    detail TEXT NOT NULL
  ) STRICT;

  -- What people wrote to us, each text once; the lead is the oldest of those who had the number then.
  CREATE TABLE inbound_message (
    _id TEXT PRIMARY KEY, -- the provider's identifier
    channel_id TEXT NOT NULL,
    phone TEXT NOT NULL, -- E.164
    name TEXT,
    lead_id TEXT,
    text TEXT NOT NULL,
    wish TEXT, -- stop | start
    campaign_id TEXT, -- the campaign that it answers
    at INTEGER NOT NULL,
    received_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX inbound_message_phone ON inbound_message (phone, at); -- both for a lead's texts
  CREATE INDEX inbound_message_wish ON inbound_message (phone, at) WHERE wish IS NOT NULL; -- asked for by every import
  CREATE INDEX inbound_message_lead ON inbound_message (lead_id, at) WHERE lead_id IS NOT NULL;

  -- What happened, for those who watch and for webhooks. Numbers are never given twice; the oldest rows go as new ones come.
  CREATE TABLE activity (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT,
    data TEXT NOT NULL -- JSON
  ) STRICT;

  -- The ledger of each campaign as it was last told, and whether a counter has changed since.
  CREATE TABLE campaign_progress (
    campaign_id TEXT PRIMARY KEY,
    changed INTEGER NOT NULL,
    noted TEXT -- JSON
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX campaign_progress_changed ON campaign_progress (campaign_id) WHERE changed = 1;
  -- Triggers, so that whatever changes a counter cannot forget it.
  CREATE TRIGGER campaign_count_added AFTER INSERT ON campaign_count BEGIN
    INSERT INTO campaign_progress (campaign_id, changed) VALUES (new.campaign_id, 1)
    ON CONFLICT DO UPDATE SET changed = 1 WHERE changed = 0;
  END;
  CREATE TRIGGER campaign_count_changed AFTER UPDATE ON campaign_count BEGIN
    UPDATE campaign_progress SET changed = 1 WHERE campaign_id = new.campaign_id AND changed = 0;
  END;
  CREATE TRIGGER campaign_removed AFTER DELETE ON campaign BEGIN
    DELETE FROM campaign_progress WHERE campaign_id = old._id;
  END;

  CREATE TABLE webhook (
    _id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    secret TEXT NOT NULL, -- in clear: every delivery is signed with it
    kinds TEXT NOT NULL, -- JSON list
    enabled INTEGER NOT NULL,
    off_reason TEXT,
    failing_since INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;

  -- One row for each activity that a webhook wants: the key, made of the two, is what keeps it to one.
  CREATE TABLE webhook_delivery (
    _id TEXT PRIMARY KEY,
    webhook_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL, -- how often it was claimed
    due_at INTEGER, -- the next try, which is also the end of a claim's lease
    created_at INTEGER NOT NULL,
    attempts TEXT NOT NULL -- JSON list of the last tries
  ) STRICT;
  CREATE INDEX webhook_delivery_due ON webhook_delivery (due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX webhook_delivery_due_of ON webhook_delivery (webhook_id, due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX webhook_delivery_newest ON webhook_delivery (webhook_id, created_at, _id);

  -- What steps raised for a bus on another engine, until it has published it. Numbers are never given twice.
  CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    events TEXT NOT NULL -- JSON list of \`TopicEvent\`
  ) STRICT;

  -- The durable log: one row per published batch, n events from \`base\` on.
  CREATE TABLE event_log (
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    base INTEGER NOT NULL,
    n INTEGER NOT NULL,
    payload TEXT NOT NULL, -- JSON list of {key, value}
    at INTEGER NOT NULL,
    PRIMARY KEY (topic, partition, base)
  ) STRICT, WITHOUT ROWID;

  -- Where the next event of a partition goes, so that an emptied log still counts on.
  CREATE TABLE event_head (topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (topic, partition)) STRICT, WITHOUT ROWID;

  -- How far each group has come, and which process may move it on until when.
  CREATE TABLE event_offset (
    consumer_group TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next INTEGER NOT NULL,
    owner TEXT,
    owned_until INTEGER,
    PRIMARY KEY (consumer_group, topic, partition)
  ) STRICT, WITHOUT ROWID;
  `,
  CHANNELS,
];

/** What keeps this program from understanding a file, in words; null where it is of this program's schema. */
export function foreignVersion(db: DatabaseSync): string | null {
  const version = versionOf(db);
  if (version > MIGRATIONS.length) return NEWER;
  return version === MIGRATIONS.length
    ? null
    : "The data was written by an older version of Mini CRM: start this one once, which brings it up to date.";
}

const NEWER = "The data folder was written by a newer version of Mini CRM: update this one.";

function versionOf(db: DatabaseSync): number {
  return Number(db.prepare("PRAGMA user_version").get()?.["user_version"]);
}

/**
 * Brings `db` to this program's schema, and puts in what is always there, in one transaction. Throws where a newer program has
 * written the file.
 */
export function migrate(db: DatabaseSync, now: Instant): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    const version = versionOf(db);
    if (version > MIGRATIONS.length) throw new AppError("CONFIGURATION", NEWER, { retryable: false });
    for (const migration of MIGRATIONS.slice(version)) db.exec(migration);
    db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    insertDefaultChannel(db, now);
    db.exec("COMMIT");
  } catch (error) {
    db.exec("ROLLBACK");
    throw error;
  }
}
