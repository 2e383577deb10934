/** Owns the verbs on messages: claim, admit, and reading the ledger's rows. */
import type { Instant } from "@mini-crm/core/instant";
import { type Message, type MessageStatus, messageId, parseMessageId } from "@mini-crm/core/message/message";
import type { Admission, Claim, ClaimedMessage, MessageStore, Page, PageRequest, RateLimit } from "@mini-crm/core/ports/store";
import { countChanges, readCampaign } from "./campaigns.ts";
import { type Connection, number, numberOrNull, type Row, text, textOrNull } from "./connection.ts";
import { leadAsJson } from "./lead-rows.ts";

type ClaimRequest = Parameters<MessageStore["claim"]>[0];
type AdmitRequest = Parameters<MessageStore["admit"]>[0];

export function messageVerbs(connection: Connection) {
  return {
    claimMessages: (request: ClaimRequest): RawClaim => connection.transaction(() => claim(connection, request), "soon"),
    /** Durable: a message that goes out must still be marked after a power cut. */
    admitMessages: (request: AdmitRequest): Admission => connection.transaction(() => admit(connection, request)),

    readMessage: (id: string): Message | null => {
      const key = parseMessageId(id);
      if (key === null) return null;
      const row = connection.get(`${SELECT_MESSAGE} WHERE m.campaign_id = ? AND m.lead_id = ?`, key.campaignId, key.leadId);
      return row === undefined ? null : messageOf(row);
    },

    messagesOfCampaign: (campaignId: string, request: PageRequest & { status: MessageStatus | null }): Page<Message> => {
      const where = request.status === null ? "m.campaign_id = ?" : "m.campaign_id = ? AND m.status = ?";
      const filter = request.status === null ? [campaignId] : [campaignId, request.status];
      const rows = connection.all(
        `${SELECT_MESSAGE} WHERE ${where} ORDER BY m.lead_id LIMIT ? OFFSET ?`,
        ...filter,
        request.limit,
        (request.page - 1) * request.limit,
      );
      const total =
        request.status === null
          ? connection.get("SELECT sum(messages) AS total FROM campaign_count WHERE campaign_id = ?", campaignId)
          : connection.get("SELECT messages AS total FROM campaign_count WHERE campaign_id = ? AND status = ?", ...filter);
      return { items: rows.map(messageOf), total: Number(total?.["total"] ?? 0) };
    },

    /** Looked up campaign by campaign: an index by lead would cost every expansion what this rare question saves. */
    messagesOfLead: (leadId: string, limit: number): Message[] =>
      connection
        .all(
          `SELECT m.*, t.text AS text FROM campaign AS c CROSS JOIN message AS m
             ON m.campaign_id = c._id AND m.lead_id = ?
           LEFT JOIN message_text AS t ON t.campaign_id = m.campaign_id AND t.lead_id = m.lead_id
           ORDER BY c._id DESC LIMIT ?`,
          leadId,
          limit,
        )
        .map(messageOf),

    countWaiting: (channelId: string): number => {
      const row = connection.get(
        `SELECT coalesce(sum(n.messages), 0) AS waiting FROM campaign AS c JOIN campaign_count AS n ON n.campaign_id = c._id
         WHERE c.status = 'RUNNING' AND c.channel_id = ? AND n.status IN ('PENDING', 'CLAIMED')`,
        channelId,
      );
      return row === undefined ? 0 : number(row, "waiting");
    },

    rateUse: (channelId: string, rate: RateLimit, now: Instant): { used: number; resetAt: Instant } =>
      rateUse(connection, channelId, rate, now),
  };
}

function claim(connection: Connection, request: ClaimRequest): RawClaim {
  const campaign = readCampaign(connection, request.campaign_id);
  if (campaign?.status !== "RUNNING" || campaign.frozen === null) return { kind: "nothing" };
  const use = request.rate === null ? null : rateUse(connection, request.channel_id, request.rate, request.now);
  const room = use === null || request.rate === null ? request.max : request.rate.messages - use.used;
  const row = connection.get(
    `SELECT count(*) AS messages, min(lead_id) AS first, max(lead_id) AS last, group_concat(claimed) AS claimed
     FROM (
       SELECT m.lead_id, '{"lead_id":"' || m.lead_id || '","phone":' || json_quote(m.phone) ||
         ',"attempt":' || (m.attempt + 1) || ',"lead":' || ${leadAsJson(campaign.frozen.fields)} || '}' AS claimed
       FROM message AS m LEFT JOIN lead AS l ON l._id = m.lead_id
       WHERE m.campaign_id = ? AND m.lead_id > ? AND m.lead_id <= ? AND m.status = 'PENDING'
         AND (m.due_at IS NULL OR m.due_at <= ?)
       ORDER BY m.lead_id LIMIT ?)`,
    request.campaign_id,
    request.after ?? "",
    request.up_to,
    request.now,
    Math.max(1, Math.min(request.max, room)),
  );
  if (row === undefined || number(row, "messages") === 0) return { kind: "nothing" };
  if (use !== null && room <= 0) return { kind: "limited", until: use.resetAt };

  // In this transaction nobody else writes: the range holds just the rows that were read.
  const claimed = connection.run(
    `UPDATE message SET status = 'CLAIMED', worker = ?, attempt = attempt + 1, due_at = NULL
     WHERE campaign_id = ? AND lead_id >= ? AND lead_id <= ? AND status = 'PENDING' AND (due_at IS NULL OR due_at <= ?)`,
    request.worker,
    request.campaign_id,
    text(row, "first"),
    text(row, "last"),
    request.now,
  );
  if (claimed !== number(row, "messages")) throw new Error("A claim changed other rows than it read");
  connection.run(
    "INSERT INTO claim (worker, campaign_id, first, last, until) VALUES (?, ?, ?, ?, ?)",
    request.worker,
    request.campaign_id,
    text(row, "first"),
    text(row, "last"),
    request.now + request.leaseMs,
  );
  const changes = countChanges(connection);
  changes.moved(request.campaign_id, "PENDING", "CLAIMED", claimed);
  changes.write();
  return { kind: "claimed", template: campaign.frozen.template, messages: `[${text(row, "claimed")}]` };
}

/** A claim as it leaves the database thread: the messages are one JSON text, taken apart where they are rendered. */
type RawClaim = Exclude<Claim, { kind: "claimed" }> | { kind: "claimed"; template: string; messages: string };

export function claimOf(raw: RawClaim, campaignId: string): Claim {
  if (raw.kind !== "claimed") return raw;
  const messages: Omit<ClaimedMessage, "_id">[] = JSON.parse(raw.messages);
  return { ...raw, messages: messages.map((message) => ({ _id: messageId(campaignId, message.lead_id), ...message })) };
}

function admit(connection: Connection, request: AdmitRequest): Admission {
  const use = request.rate === null ? null : rateUse(connection, request.channel_id, request.rate, request.now);
  let room = use === null || request.rate === null ? Number.POSITIVE_INFINITY : request.rate.messages - use.used;
  const admission: Admission = { admitted: [], opted_out: [] };
  const changes = countChanges(connection);
  const keyed = request.messages.map((message) => ({ message, key: parseMessageId(message._id) }));
  const isRunning = runningAmong(connection, new Set(keyed.map(({ key }) => key?.campaignId ?? "")));
  const hasOptedOut = optedOutAmong(
    connection,
    keyed.map(({ key }) => key?.leadId ?? ""),
  );

  for (const { message, key } of keyed) {
    if (key === null || !isRunning.has(key.campaignId)) continue;
    if (hasOptedOut.has(key.leadId)) {
      admission.opted_out.push(message._id);
      continue;
    }
    if (room <= 0) continue;
    const admitted = connection.run(
      `UPDATE message SET status = 'SENDING', sending_at = ?
       WHERE campaign_id = ? AND lead_id = ? AND status = 'CLAIMED' AND worker = ? AND attempt = ?`,
      request.now,
      key.campaignId,
      key.leadId,
      request.worker,
      message.attempt,
    );
    if (admitted === 0) continue;
    connection.run(
      "INSERT OR REPLACE INTO message_text (campaign_id, lead_id, text) VALUES (?, ?, ?)",
      key.campaignId,
      key.leadId,
      message.text,
    );
    changes.moved(key.campaignId, "CLAIMED", "SENDING");
    admission.admitted.push(message._id);
    room -= 1;
  }

  changes.write();
  if (request.rate !== null) countSends(connection, request.channel_id, request.rate, admission.admitted.length, request.now);
  return admission;
}

function runningAmong(connection: Connection, campaignIds: ReadonlySet<string>): Set<string> {
  const isRunning = (id: string) => connection.get("SELECT status FROM campaign WHERE _id = ?", id)?.["status"] === "RUNNING";
  return new Set([...campaignIds].filter(isRunning));
}

/** One look at the few who have opted out among leads that lie close together, instead of one at each lead. */
function optedOutAmong(connection: Connection, leadIds: readonly string[]): Set<string> {
  const first = leadIds.reduce((least, id) => (id < least ? id : least), "g");
  const last = leadIds.reduce((most, id) => (id > most ? id : most), "");
  const rows = connection.all(
    `SELECT _id FROM lead WHERE (consent = 'opted_out' OR phones = '[]') AND consent = 'opted_out' AND _id >= ? AND _id <= ?`,
    first,
    last,
  );
  return new Set(rows.map((row) => text(row, "_id")));
}

/** Counts sends against the rate, and forgets those that no window holds any more. */
function countSends(connection: Connection, channelId: string, rate: RateLimit, messages: number, now: Instant): void {
  if (messages === 0) return;
  connection.run("DELETE FROM channel_send WHERE channel_id = ? AND at <= ?", channelId, now - rate.windowMs);
  connection.run("INSERT INTO channel_send (channel_id, at, messages) VALUES (?, ?, ?)", channelId, now, messages);
}

function rateUse(connection: Connection, channelId: string, rate: RateLimit, now: Instant): { used: number; resetAt: Instant } {
  const row = connection.get(
    "SELECT coalesce(sum(messages), 0) AS used, min(at) AS oldest FROM channel_send WHERE channel_id = ? AND at > ?",
    channelId,
    now - rate.windowMs,
  );
  if (row === undefined) throw new Error("An aggregate gave no row");
  return { used: number(row, "used"), resetAt: (numberOrNull(row, "oldest") ?? now) + rate.windowMs };
}

const SELECT_MESSAGE = `SELECT m.*, t.text AS text FROM message AS m
  LEFT JOIN message_text AS t ON t.campaign_id = m.campaign_id AND t.lead_id = m.lead_id`;

function messageOf(row: Row): Message {
  const retryable = numberOrNull(row, "retryable");
  return {
    _id: messageId(text(row, "campaign_id"), text(row, "lead_id")),
    campaign_id: text(row, "campaign_id"),
    lead_id: text(row, "lead_id"),
    status: text(row, "status") as MessageStatus,
    phone: textOrNull(row, "phone"),
    attempt: number(row, "attempt"),
    text: textOrNull(row, "text"),
    provider_id: textOrNull(row, "provider_id"),
    code: textOrNull(row, "code"),
    reason: textOrNull(row, "reason"),
    retryable: retryable === null ? null : retryable === 1,
    created_at: number(row, "created_at"),
    sending_at: numberOrNull(row, "sending_at"),
    sent_at: numberOrNull(row, "sent_at"),
    delivered_at: numberOrNull(row, "delivered_at"),
    read_at: numberOrNull(row, "read_at"),
    settled_at: numberOrNull(row, "settled_at"),
  };
}
