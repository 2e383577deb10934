/** Owns the verbs on campaigns. */
import type { Campaign, CampaignStatus } from "@mini-crm/core/campaign/campaign";
import type { CanaryPhase } from "@mini-crm/core/campaign/canary";
import { type CampaignFields, edited, type Removal, removalOf } from "@mini-crm/core/campaign/changes";
import { storedOptions, storedRun } from "@mini-crm/core/campaign/earlier-versions";
import type { Instant } from "@mini-crm/core/instant";
import type { CampaignStore, Page, PageRequest } from "@mini-crm/core/ports/store";
import { type Connection, number, numberOrNull, type Row, text, textOrNull } from "./connection.ts";
import { countsOf } from "./counters.ts";

export function campaignOf(connection: Connection, row: Row): Campaign {
  const frozen = textOrNull(row, "frozen");
  const hold = textOrNull(row, "hold");
  return {
    _id: text(row, "_id"),
    name: text(row, "name"),
    segment_id: text(row, "segment_id"),
    channel_id: text(row, "channel_id"),
    message_template: text(row, "message_template"),
    options: storedOptions(JSON.parse(text(row, "options"))),
    created_by: text(row, "created_by"),
    status: text(row, "status") as CampaignStatus,
    scheduled_at: numberOrNull(row, "scheduled_at"),
    schedule_grace_ms: number(row, "schedule_grace_ms"),
    hold: hold === null ? null : JSON.parse(hold),
    canary_phase: textOrNull(row, "canary_phase") as CanaryPhase | null,
    frozen: frozen === null ? null : storedRun(JSON.parse(frozen)),
    expected: number(row, "expected"),
    expanded: number(row, "expanded") === 1,
    counts: countsOf(connection, text(row, "_id")),
    created_at: number(row, "created_at"),
    updated_at: number(row, "updated_at"),
    started_at: numberOrNull(row, "started_at"),
    last_sent_at: numberOrNull(row, "last_sent_at"),
    completed_at: numberOrNull(row, "completed_at"),
  };
}

export function readCampaign(connection: Connection, id: string): Campaign | null {
  const row = connection.get("SELECT * FROM campaign WHERE _id = ?", id);
  return row === undefined ? null : campaignOf(connection, row);
}

/** Changes the given fields of a campaign. */
export function writeCampaign(connection: Connection, id: string, fields: CampaignFields): void {
  const columns = Object.entries(fields).map(([name, value]) => ({ name, value: columnOf(value) }));
  const assignments = columns.map(({ name }) => `${name} = ?`).join(", ");
  connection.run(`UPDATE campaign SET ${assignments} WHERE _id = ?`, ...columns.map(({ value }) => value), id);
}

function columnOf(value: CampaignFields[keyof CampaignFields]): string | number | null {
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "object" && value !== null ? JSON.stringify(value) : (value ?? null);
}

export function campaignVerbs(connection: Connection) {
  return {
    createCampaign: (campaign: Campaign): void => {
      connection.run(
        `INSERT INTO campaign (_id, name, segment_id, channel_id, message_template, options, created_by, status,
          schedule_grace_ms, expected, expanded, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)`,
        campaign._id,
        campaign.name,
        campaign.segment_id,
        campaign.channel_id,
        campaign.message_template,
        JSON.stringify(campaign.options),
        campaign.created_by,
        campaign.status,
        campaign.schedule_grace_ms,
        campaign.expected,
        campaign.created_at,
        campaign.updated_at,
      );
    },

    readCampaign: (id: string): Campaign | null => readCampaign(connection, id),

    changeCampaign: (...[id, fields, now]: Parameters<CampaignStore["change"]>): Awaited<ReturnType<CampaignStore["change"]>> =>
      connection.transaction(() => {
        const edit = edited(readCampaign(connection, id), fields, now);
        if (edit.kind !== "changed") return edit;
        const { name, segment_id, channel_id, message_template, options, expected, updated_at } = edit.campaign;
        writeCampaign(connection, id, { name, segment_id, channel_id, message_template, options, expected, updated_at });
        return edit;
      }),

    removeCampaign: (id: string): Removal => connection.transaction(() => remove(connection, id)),

    listCampaigns: (request: PageRequest & { status: CampaignStatus | null }): Page<Campaign> => {
      const where = request.status === null ? "TRUE" : "status = ?";
      const filter = request.status === null ? [] : [request.status];
      const rows = connection.all(
        `SELECT * FROM campaign WHERE ${where} ORDER BY _id DESC LIMIT ? OFFSET ?`,
        ...filter,
        request.limit,
        (request.page - 1) * request.limit,
      );
      const total = connection.get(`SELECT count(*) AS total FROM campaign WHERE ${where}`, ...filter);
      return { items: rows.map((row) => campaignOf(connection, row)), total: Number(total?.["total"]) };
    },

    dueCampaigns: (now: Instant, limit: number): Campaign[] =>
      connection
        .all(
          `SELECT * FROM campaign WHERE status = 'SCHEDULED' AND scheduled_at <= ? AND hold IS NULL
           ORDER BY scheduled_at LIMIT ?`,
          now,
          limit,
        )
        .map((row) => campaignOf(connection, row)),
  };
}

/** Where a campaign has rows besides its own. */
const TABLES = [
  "message_text",
  "message_event",
  "message",
  "message_window",
  "campaign_count",
  "campaign_reaction",
  "preflight",
  "direct_message",
];

function remove(connection: Connection, id: string): Removal {
  const removal = removalOf(readCampaign(connection, id));
  if (removal.kind !== "removed") return removal;
  for (const table of TABLES) connection.run(`DELETE FROM ${table} WHERE campaign_id = ?`, id);
  connection.run("DELETE FROM campaign WHERE _id = ?", id);
  return removal;
}
