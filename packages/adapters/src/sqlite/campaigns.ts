/** Owns the verbs on campaigns, and the counters that always equal the message rows. */
import type { Campaign, CampaignStatus, MessageCounts } from "@mini-crm/core/campaign/campaign";
import { noMessages } from "@mini-crm/core/campaign/campaign";
import type { Instant } from "@mini-crm/core/instant";
import type { MessageStatus } from "@mini-crm/core/message/message";
import type { Page, PageRequest } from "@mini-crm/core/ports/store";
import { type Connection, number, numberOrNull, type Row, text, textOrNull } from "./connection.ts";

function countsOf(connection: Connection, campaignId: string): MessageCounts {
  const counts = noMessages();
  for (const row of connection.all("SELECT status, messages FROM campaign_count WHERE campaign_id = ?", campaignId)) {
    counts[text(row, "status") as MessageStatus] = number(row, "messages");
  }
  return counts;
}

function campaignOf(connection: Connection, row: Row): Campaign {
  const frozen = textOrNull(row, "frozen");
  return {
    _id: text(row, "_id"),
    name: text(row, "name"),
    segment_id: text(row, "segment_id"),
    channel_id: text(row, "channel_id"),
    message_template: text(row, "message_template"),
    created_by: text(row, "created_by"),
    status: text(row, "status") as CampaignStatus,
    frozen: frozen === null ? null : JSON.parse(frozen),
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

/** The changes that a transaction makes to the counters: gathered while rows change, written once at its end. */
export interface CountChanges {
  /** `messages` of the campaign have gone from one status to another; `null` where they are new. */
  moved(campaignId: string, from: MessageStatus | null, to: MessageStatus, messages?: number): void;
  write(): void;
}

export function countChanges(connection: Connection): CountChanges {
  const changes = new Map<string, Map<MessageStatus, number>>();
  const add = (campaignId: string, status: MessageStatus, messages: number): void => {
    let campaign = changes.get(campaignId);
    if (campaign === undefined) {
      campaign = new Map();
      changes.set(campaignId, campaign);
    }
    campaign.set(status, (campaign.get(status) ?? 0) + messages);
  };
  return {
    moved(campaignId, from, to, messages = 1) {
      if (from !== null) add(campaignId, from, -messages);
      add(campaignId, to, messages);
    },
    write() {
      for (const [campaignId, statuses] of changes) {
        for (const [status, messages] of statuses) {
          if (messages === 0) continue;
          connection.run(
            `INSERT INTO campaign_count (campaign_id, status, messages) VALUES (?, ?, ?)
             ON CONFLICT DO UPDATE SET messages = messages + excluded.messages`,
            campaignId,
            status,
            messages,
          );
        }
      }
    },
  };
}

export function campaignVerbs(connection: Connection) {
  return {
    createCampaign: (campaign: Campaign): void => {
      connection.run(
        `INSERT INTO campaign (_id, name, segment_id, channel_id, message_template, created_by, status, frozen, expected,
          expanded, created_at, updated_at, started_at, last_sent_at, completed_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, 0, ?, ?, NULL, NULL, NULL)`,
        campaign._id,
        campaign.name,
        campaign.segment_id,
        campaign.channel_id,
        campaign.message_template,
        campaign.created_by,
        campaign.status,
        campaign.expected,
        campaign.created_at,
        campaign.updated_at,
      );
    },

    readCampaign: (id: string): Campaign | null => readCampaign(connection, id),

    changeCampaign: (
      id: string,
      fields: Partial<Pick<Campaign, "name" | "segment_id" | "message_template" | "expected">>,
      now: Instant,
    ): { kind: "changed"; campaign: Campaign } | { kind: "not_found" } | { kind: "not_draft"; status: CampaignStatus } =>
      connection.transaction(() => {
        const known = readCampaign(connection, id);
        if (known === null) return { kind: "not_found" };
        if (known.status !== "DRAFT") return { kind: "not_draft", status: known.status };
        const changed: Campaign = { ...known, ...fields, updated_at: now };
        connection.run(
          "UPDATE campaign SET name = ?, segment_id = ?, message_template = ?, expected = ?, updated_at = ? WHERE _id = ?",
          changed.name,
          changed.segment_id,
          changed.message_template,
          changed.expected,
          now,
          id,
        );
        return { kind: "changed", campaign: changed };
      }),

    removeCampaign: (id: string): { kind: "removed" } | { kind: "not_found" } | { kind: "in_progress"; status: CampaignStatus } =>
      connection.transaction(() => {
        const known = readCampaign(connection, id);
        if (known === null) return { kind: "not_found" };
        if (known.status === "RUNNING" || known.status === "PAUSED" || known.status === "SCHEDULED") {
          return { kind: "in_progress", status: known.status };
        }
        for (const table of ["message_text", "message", "campaign_count"]) {
          connection.run(`DELETE FROM ${table} WHERE campaign_id = ?`, id);
        }
        connection.run("DELETE FROM campaign WHERE _id = ?", id);
        return { kind: "removed" };
      }),

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
  };
}
