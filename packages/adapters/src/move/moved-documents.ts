/** Owns which documents each collection of MongoDB gets for which rows of SQLite, read one by one in the order of their `_id`. */
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { Message } from "@mini-crm/core/message/message";
import { ObjectId } from "mongodb";
import { eventsOf } from "../embedded-bus/log.ts";
import type { OutboxDocument } from "../mongo/documents.ts";
import { leadDocument } from "../mongo/lead-documents.ts";
import { ACTIVITIES } from "../mongo/locks.ts";
import type { TableTypes } from "../mongo/tables.ts";
import { templateDocument } from "../mongo/templates.ts";
import { activityOf } from "../sqlite/activity.ts";
import { campaignOf } from "../sqlite/campaigns.ts";
import { channelOf } from "../sqlite/channels.ts";
import { type Connection, number, numberOrNull, type Row, text, textOrNull } from "../sqlite/connection.ts";
import { directOf } from "../sqlite/direct-messages.ts";
import { inboundOf } from "../sqlite/inbound.ts";
import { leadColumns, leadOf } from "../sqlite/lead-rows.ts";
import { notedEvents } from "../sqlite/message-events.ts";
import { messageOf, SELECT_MESSAGE } from "../sqlite/message-rows.ts";
import { segmentOf } from "../sqlite/segments.ts";
import { templateOf } from "../sqlite/templates.ts";
import { deliveryOf } from "../sqlite/webhook-deliveries.ts";
import { webhookOf } from "../sqlite/webhooks.ts";

export type MovedName = Exclude<keyof TableTypes, "schema">;

/** The tables from which nothing is read, and why. */
export const NOT_READ: Readonly<Record<string, string>> = {
  lead_contact: "MongoDB's indexes over leads take its place",
  process: "what ran does not run any more",
  event_head: "where the next event of the embedded log goes; the log itself stays behind",
};

export const MOVED_DOCUMENTS: { readonly [N in MovedName]: (connection: Connection) => Iterable<TableTypes[N]> } = {
  lead: each(`SELECT ${leadColumns("lead")}, shares_phone FROM lead ORDER BY _id`, (row) => ({
    ...leadDocument(leadOf(row)),
    shares_phone: number(row, "shares_phone") === 1,
  })),
  lead_total: each("SELECT leads FROM lead_total", (row) => ({ _id: "lead", leads: number(row, "leads") })),
  former_phone: each("SELECT phone || ' ' || lead_id AS _id, phone, lead_id FROM former_phone ORDER BY 1", (row) => ({
    _id: text(row, "_id"),
    phone: text(row, "phone"),
    lead_id: text(row, "lead_id"),
  })),
  segment: each("SELECT * FROM segment ORDER BY _id", segmentOf),
  campaign: each(
    "SELECT campaign.*, noted FROM campaign LEFT JOIN campaign_progress ON campaign_id = _id ORDER BY _id",
    (row, _number, connection) => {
      const { counts, last_sent_at, ...campaign } = campaignOf(connection, row);
      return { ...campaign, noted: JSON.parse(textOrNull(row, "noted") ?? "null") };
    },
  ),
  message_window: each(
    `SELECT campaign_id || after AS _id, campaign_id, after,
       coalesce(lead(after) OVER (PARTITION BY campaign_id ORDER BY after), expanded_to) AS up_to
     FROM message_window LEFT JOIN campaign ON campaign._id = campaign_id ORDER BY 1`,
    (row) => ({
      _id: text(row, "_id"),
      campaign_id: text(row, "campaign_id"),
      after: text(row, "after"),
      up_to: text(row, "up_to"),
    }),
  ),
  // As changes that are still to be summed up: so each campaign's progress is looked at once more.
  campaign_count: each(
    `SELECT campaign_id, status, code, variant, window, messages, NULL AS sent_at FROM campaign_count WHERE messages <> 0
     UNION ALL SELECT _id, 'SENT', '', 0, '', 0, last_sent_at FROM campaign WHERE last_sent_at IS NOT NULL`,
    (row, nth) => ({
      _id: idOf(nth),
      fresh: true,
      campaign_id: text(row, "campaign_id"),
      status: text(row, "status") as Message["status"],
      code: text(row, "code"),
      variant: number(row, "variant"),
      window: text(row, "window"),
      messages: number(row, "messages"),
      ...present({ sent_at: numberOrNull(row, "sent_at") }),
    }),
  ),
  campaign_reaction: each(
    "SELECT campaign_id || ' ' || variant || ' ' || reaction AS _id, * FROM campaign_reaction ORDER BY 1",
    (row) => ({
      _id: text(row, "_id"),
      campaign_id: text(row, "campaign_id"),
      variant: number(row, "variant"),
      reaction: text(row, "reaction") as TableTypes["campaign_reaction"]["reaction"],
      messages: number(row, "messages"),
    }),
  ),
  message: each(`${SELECT_MESSAGE} ORDER BY m.campaign_id, m.lead_id`, messageDocument),
  claim: each("SELECT * FROM claim ORDER BY rowid", (row, nth) => ({
    _id: idOf(nth),
    worker: text(row, "worker"),
    campaign_id: text(row, "campaign_id"),
    first: text(row, "first"),
    last: text(row, "last"),
    until: number(row, "until"),
  })),
  channel_send: each("SELECT * FROM channel_send ORDER BY rowid", (row, nth) => ({
    _id: idOf(nth),
    channel_id: text(row, "channel_id"),
    campaign_id: text(row, "campaign_id"),
    at: number(row, "at"),
    messages: number(row, "messages"),
  })),
  preflight: each("SELECT * FROM preflight ORDER BY token", (row) => ({
    _id: text(row, "token"),
    campaign_id: text(row, "campaign_id"),
    at: number(row, "at"),
    shown: JSON.parse(text(row, "shown")),
  })),
  direct_message: each("SELECT * FROM direct_message ORDER BY _id", (row) => ({
    ...directOf(row),
    worker: textOrNull(row, "worker"),
    lease_until: numberOrNull(row, "lease_until"),
  })),
  channel: each("SELECT * FROM channel ORDER BY _id", channelOf),
  channel_session: each("SELECT * FROM channel_session ORDER BY channel_id", (row) => ({
    _id: text(row, "channel_id"),
    owner: text(row, "owner"),
    until: number(row, "until"),
    wanted_until: number(row, "wanted_until"),
  })),
  channel_session_entry: each("SELECT channel_id || ' ' || key AS _id, * FROM channel_session_entry ORDER BY 1", (row) => ({
    _id: text(row, "_id"),
    channel_id: text(row, "channel_id"),
    key: text(row, "key"),
    value: text(row, "value"),
  })),
  channel_contact: each("SELECT channel_id || ' ' || phone AS _id, * FROM channel_contact ORDER BY 1", (row) => ({
    _id: text(row, "_id"),
    channel_id: text(row, "channel_id"),
    phone: text(row, "phone"),
    ...present({
      last_text_at: numberOrNull(row, "last_text_at"),
      last_sent_at: numberOrNull(row, "last_sent_at"),
      user_id: textOrNull(row, "user_id"),
    }),
  })),
  whatsapp_template: each("SELECT * FROM whatsapp_template ORDER BY channel_id || ' ' || name || ' ' || language", (row) =>
    templateDocument(templateOf(row)),
  ),
  inbound_message: each("SELECT * FROM inbound_message ORDER BY _id", inboundOf),
  activity: each("SELECT * FROM activity ORDER BY seq", (row) => {
    const { seq, at, kind, subject, data } = activityOf(row);
    return { _id: seq, at, kind, subject, data };
  }),
  // Numbers that were given once are not given again.
  lock: each("SELECT seq FROM sqlite_sequence WHERE name = 'activity'", (row) => ({
    _id: ACTIVITIES,
    n: 0,
    seq: number(row, "seq"),
  })),
  webhook: each("SELECT * FROM webhook ORDER BY _id", webhookOf),
  webhook_delivery: each("SELECT * FROM webhook_delivery ORDER BY _id", (row) => ({
    ...deliveryOf(row),
    body: text(row, "body"),
    attempt: number(row, "attempt"),
  })),
  outbox: outboxDocuments,
  process: () => [],
};

function each<T>(
  sql: string,
  documentOf: (row: Row, nth: number, connection: Connection) => T,
): (connection: Connection) => Iterable<T> {
  return function* (connection) {
    let nth = 0;
    for (const row of connection.iterate(sql)) {
      nth += 1;
      yield documentOf(row, nth, connection);
    }
  };
}

function messageDocument(row: Row, _nth: number, connection: Connection): TableTypes["message"] {
  const { variant, ...message } = messageOf(row, []);
  const { _id, campaign_id, lead_id, status, phone, attempt, created_at, ...reached } = message;
  const triesFrom = number(row, "tries_from");
  const events = notedEvents(connection, { campaignId: campaign_id, leadId: lead_id });
  return {
    ...{ _id, campaign_id, lead_id, status, phone, attempt, created_at },
    ...present({ ...reached, worker: textOrNull(row, "worker"), tries_from: triesFrom === 0 ? null : triesFrom }),
    ...(events.length === 0 ? {} : { events }),
  };
}

/**
 * What waited to be published, and the events of the embedded log that some group has not handled: whichever bus comes next gets
 * them, and events that come twice do no harm.
 */
function* outboxDocuments(connection: Connection): Iterable<OutboxDocument> {
  let nth = 0;
  for (const row of connection.iterate("SELECT events FROM outbox ORDER BY seq")) {
    nth += 1;
    yield { _id: idOf(nth), events: JSON.parse(text(row, "events")) };
  }
  const unhandled = connection.iterate(
    `SELECT * FROM (
       SELECT log.*, coalesce((SELECT min(o.next) FROM event_offset AS o
         WHERE o.topic = log.topic AND o.partition = log.partition), 0) AS next
       FROM event_log AS log WHERE topic NOT LIKE '%.dead')
     WHERE base + n > next ORDER BY topic, partition, base`,
  );
  for (const row of unhandled) {
    nth += 1;
    const batch = { base: number(row, "base"), payload: text(row, "payload") };
    const next = Math.max(number(row, "next"), batch.base);
    const logged = eventsOf({ partition: number(row, "partition"), next, rows: [batch] }, number(row, "n"));
    const topic = text(row, "topic");
    yield { _id: idOf(nth), events: logged.map((event) => ({ topic, ...event }) as TopicEvent) };
  }
}

/** The same one whenever the move is done again, and before all that are ever made later. */
function idOf(nth: number): ObjectId {
  return new ObjectId(nth.toString(16).padStart(24, "0"));
}

/** The fields that are not null. */
function present<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const known = Object.entries(fields).filter(([, value]) => value !== null);
  return Object.fromEntries(known) as { [K in keyof T]?: NonNullable<T[K]> };
}
