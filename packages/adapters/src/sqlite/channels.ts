/** Owns the verbs on channels. */
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import type { MessageCounts } from "@mini-crm/core/campaign/campaign";
import { channelRemoval, editedChannel } from "@mini-crm/core/channel/changes";
import { type Channel, DEFAULT_CHANNEL_ID, defaultChannel, MAX_CHANNELS } from "@mini-crm/core/channel/channel";
import type { Instant } from "@mini-crm/core/instant";
import type { ChannelStore } from "@mini-crm/core/ports/channel-store";
import { type Connection, number, numberOrNull, type Row, text, textOrNull } from "./connection.ts";
import { countsOfChannel } from "./counters.ts";

type Creation = Awaited<ReturnType<ChannelStore["create"]>>;
type Change = Awaited<ReturnType<ChannelStore["change"]>>;
type Removal = Awaited<ReturnType<ChannelStore["remove"]>>;

export function channelVerbs(connection: Connection) {
  return {
    createChannel: (channel: Channel): Creation =>
      connection.transaction(() => {
        if (readChannel(connection, channel._id) !== null) return "taken";
        if (listChannels(connection).length >= MAX_CHANNELS) return "full";
        // What came in late for one that was called the same, such as a text, is not this one's.
        forgetAbout(connection, channel._id);
        writeChannel(connection, channel);
        return "created";
      }),

    readChannel: (id: string): Channel | null => readChannel(connection, id),
    listChannels: (): Channel[] => listChannels(connection),
    countsOfChannel: (id: string): MessageCounts => countsOfChannel(connection, id),

    changeChannel: (...[id, fields, now, seenAt]: Parameters<ChannelStore["change"]>): Change =>
      connection.transaction(() => {
        const edit = editedChannel(readChannel(connection, id), fields, now, seenAt);
        if (edit?.kind === "changed") writeChannel(connection, edit.channel);
        return edit;
      }),

    removeChannel: (id: string): Removal =>
      connection.transaction(() => {
        const removal = channelRemoval(readChannel(connection, id), unfinishedOver(connection, id));
        if (removal.kind !== "removed") return removal;
        forgetAbout(connection, id);
        connection.run("DELETE FROM channel WHERE _id = ?", id);
        return removal;
      }),
  };
}

export function readChannel(connection: Connection, id: string): Channel | null {
  const row = connection.get("SELECT * FROM channel WHERE _id = ?", id);
  return row === undefined ? null : channelOf(row);
}

function listChannels(connection: Connection): Channel[] {
  return connection.all("SELECT * FROM channel ORDER BY _id <> ?, _id", DEFAULT_CHANNEL_ID).map(channelOf);
}

/** At most a hundred of the campaigns over the channel that are not finished. */
function unfinishedOver(connection: Connection, id: string): string[] {
  const rows = connection.all(
    `SELECT _id FROM campaign WHERE channel_id = ? AND status IN ('DRAFT', 'SCHEDULED', 'RUNNING', 'PAUSED')
     ORDER BY _id LIMIT 100`,
    id,
  );
  return rows.map((row) => text(row, "_id"));
}

/** Where there is something of a channel besides itself. */
const TABLES = ["channel_session", "channel_session_entry", "channel_contact", "whatsapp_template"];

function forgetAbout(connection: Connection, id: string): void {
  for (const table of TABLES) connection.run(`DELETE FROM ${table} WHERE channel_id = ?`, id);
}

const COLUMNS = [
  "_id",
  "name",
  "settings",
  "secrets",
  "messages_per_minute",
  "creates_leads",
  '"order"',
  "paired_at",
  "created_at",
  "updated_at",
];
const INSERT = `(${COLUMNS.join(", ")}) VALUES (${COLUMNS.map(() => "?").join(", ")})`;

function writeChannel(connection: Connection, channel: Channel): void {
  connection.run(`INSERT OR REPLACE INTO channel ${INSERT}`, ...valuesOf(channel));
}

/** Puts the default channel in where it is missing. */
export function insertDefaultChannel(db: DatabaseSync, now: Instant): void {
  db.prepare(`INSERT OR IGNORE INTO channel ${INSERT}`).run(...valuesOf(defaultChannel(now)));
}

function valuesOf(channel: Channel): SQLInputValue[] {
  return [
    channel._id,
    channel.name,
    JSON.stringify(channel.settings),
    channel.secrets,
    channel.messages_per_minute,
    Number(channel.creates_leads),
    channel.order === null ? null : JSON.stringify(channel.order),
    channel.paired_at,
    channel.created_at,
    channel.updated_at,
  ];
}

export function channelOf(row: Row): Channel {
  const order = textOrNull(row, "order");
  return {
    _id: text(row, "_id"),
    name: text(row, "name"),
    settings: JSON.parse(text(row, "settings")),
    secrets: textOrNull(row, "secrets"),
    messages_per_minute: numberOrNull(row, "messages_per_minute"),
    creates_leads: number(row, "creates_leads") === 1,
    order: order === null ? null : JSON.parse(order),
    paired_at: numberOrNull(row, "paired_at"),
    created_at: number(row, "created_at"),
    updated_at: number(row, "updated_at"),
  };
}
