/** Owns the second migration of the SQLite schema: channels and what belongs to them, and messages to one person. */

export const CHANNELS = `
-- The numbers that messages go out from. The row \`default\` is put in whenever it is missing.
CREATE TABLE channel (
  _id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  settings TEXT NOT NULL, -- JSON of \`ChannelSettings\`
  secrets TEXT, -- sealed
  messages_per_minute INTEGER,
  creates_leads INTEGER NOT NULL,
  "order" TEXT, -- JSON of \`ChannelOrder\`
  paired_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- Which process has a linked device's session until when, and what the device knows. A session outlives its owners.
CREATE TABLE channel_session (
  channel_id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  until INTEGER NOT NULL,
  wanted_until INTEGER NOT NULL -- until when it counts that another process wants it
) STRICT, WITHOUT ROWID;
CREATE TABLE channel_session_entry (
  channel_id TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL, -- sealed
  PRIMARY KEY (channel_id, key)
) STRICT;

-- Who wrote to a channel, and whom it wrote to where its limits look back at that.
CREATE TABLE channel_contact (
  channel_id TEXT NOT NULL,
  phone TEXT NOT NULL, -- E.164
  last_text_at INTEGER, -- when they last wrote
  last_sent_at INTEGER, -- when a message to them was last admitted
  user_id TEXT, -- WhatsApp's own name for them
  PRIMARY KEY (channel_id, phone)
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_contact_sent ON channel_contact (channel_id, last_sent_at) WHERE last_sent_at IS NOT NULL;
CREATE INDEX channel_contact_user ON channel_contact (channel_id, user_id) WHERE user_id IS NOT NULL;

-- The approved templates of each channel, as Meta last told of them.
CREATE TABLE whatsapp_template (
  channel_id TEXT NOT NULL,
  name TEXT NOT NULL,
  language TEXT NOT NULL,
  category TEXT NOT NULL,
  status TEXT NOT NULL,
  header TEXT, -- JSON of \`TemplateHeader\`
  body TEXT NOT NULL,
  footer TEXT,
  buttons TEXT NOT NULL, -- JSON list
  synced_at INTEGER NOT NULL,
  PRIMARY KEY (channel_id, name, language)
) STRICT, WITHOUT ROWID;

-- Tests of campaigns' texts, and replies: in no campaign's figures. Tests were all that there was before.
CREATE TABLE direct_message (
  _id TEXT PRIMARY KEY,
  campaign_id TEXT, -- null for a reply
  channel_id TEXT NOT NULL,
  lead_id TEXT NOT NULL, -- whose data a test shows, or who is answered
  phone TEXT NOT NULL, -- E.164
  variant TEXT, -- null for a reply
  content TEXT NOT NULL, -- JSON of \`Content\`
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
INSERT INTO direct_message
  SELECT _id, campaign_id, channel_id, lead_id, phone, variant,
    json_object('text', text, 'media', NULL, 'buttons', json_array(), 'template', NULL), status, code, reason, provider_id,
    worker, lease_until, created_at, sending_at, sent_at, delivered_at, read_at
  FROM test_message;
DROP TABLE test_message;
CREATE INDEX direct_message_campaign ON direct_message (campaign_id, _id) WHERE campaign_id IS NOT NULL;
CREATE INDEX direct_message_lead ON direct_message (lead_id, _id) WHERE campaign_id IS NULL;
CREATE INDEX direct_message_lease ON direct_message (lease_until) WHERE lease_until IS NOT NULL;

-- Their looks, with whatever of them still waits. In a text inside of JSON the quotes would be escaped.
UPDATE event_log SET topic = 'message.direct', payload = replace(payload, '"test_id":', '"direct_id":')
  WHERE topic = 'campaign.tests';
UPDATE event_log SET topic = 'message.direct.dead' WHERE topic = 'campaign.tests.dead';
UPDATE event_head SET topic = replace(topic, 'campaign.tests', 'message.direct')
  WHERE topic IN ('campaign.tests', 'campaign.tests.dead');
UPDATE event_offset SET topic = 'message.direct', consumer_group = 'direct-sender' WHERE topic = 'campaign.tests';
UPDATE outbox SET events = replace(replace(events, '"topic":"campaign.tests"', '"topic":"message.direct"'),
  '"test_id":', '"direct_id":') WHERE events LIKE '%"topic":"campaign.tests"%';

-- What processes said of their channels means something else now; they say it again every second.
UPDATE process SET detail = json_set(detail, '$.channels', json_array());
`;
