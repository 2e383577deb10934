/** Owns how a campaign's messages are read in pages: the counters say how many each window holds, so pages skip whole windows. */
import { isSettled, type Message, type MessageStatus } from "@mini-crm/core/message/message";
import { partsOfPage } from "@mini-crm/core/message/pages";
import type { MessageFilter, NamedMessage, Page, PageRequest } from "@mini-crm/core/ports/store";
import { type Connection, number, type Row, text, textOrNull } from "./connection.ts";
import { variantsOf, windowBehind, windowEnd } from "./counters.ts";
import { messageOf } from "./message-rows.ts";

export function pageOfMessages(connection: Connection, campaignId: string, request: PageRequest & MessageFilter): Page<Message> {
  const filter = withStatus(connection, campaignId, request);
  const windows = windowsWith(connection, campaignId, filter);
  const total = windows.reduce((sum, { messages }) => sum + messages, 0);
  const items: Message[] = [];
  const variants = variantsOf(connection, campaignId);
  for (const part of partsOfPage(windows, request)) {
    const rows = readRows(connection, campaignId, filter, { after: part.window, ...part });
    for (const row of rows) items.push(messageOf(row, variants));
  }
  return { items, total };
}

/** Reads on behind the message to the lead `after`, through windows that hold what is looked for. */
export function messagesBehind(
  connection: Connection,
  campaignId: string,
  request: MessageFilter & { after: string | null; limit: number },
): NamedMessage[] {
  const after = request.after ?? "";
  const first = windowBehind(connection, campaignId, after);
  const variants = variantsOf(connection, campaignId);
  const items: NamedMessage[] = [];
  const filter = withStatus(connection, campaignId, request);
  for (const { window } of windowsWith(connection, campaignId, filter)) {
    if (window < first) continue;
    const part = { after: after > window ? after : window, window, limit: request.limit - items.length, skip: 0 };
    for (const row of readRows(connection, campaignId, filter, part)) {
      items.push({ ...messageOf(row, variants), name: textOrNull(row, "name") });
    }
    if (items.length >= request.limit) break;
  }
  return items;
}

/** Where to read the messages of a window, and what a filter means there. Those that are settled have an index. */
function sourceOf({ status, code }: MessageFilter): { table: string; condition: string } {
  const isIndexed = status !== null && isSettled(status);
  const ofStatus = status === null ? "? IS NULL" : "status = ?";
  const ofCode = code === null ? "? IS NULL" : "code = ?";
  return {
    // Told, because the planner knows nothing of how rare they are.
    table: isIndexed ? "message INDEXED BY message_settled" : "message",
    condition: `${ofStatus} AND ${ofCode}${isIndexed ? " AND settled_at IS NOT NULL" : ""}`,
  };
}

/** A reason that only one status has is asked for together with it. */
function withStatus(connection: Connection, campaignId: string, filter: MessageFilter): MessageFilter {
  if (filter.status !== null || filter.code === null) return filter;
  const rows = connection.all(
    "SELECT DISTINCT status FROM campaign_count WHERE campaign_id = ? AND code = ? AND messages > 0",
    campaignId,
    filter.code,
  );
  const [only, another] = rows.map((row) => text(row, "status") as MessageStatus);
  return only === undefined || another !== undefined ? filter : { ...filter, status: only };
}

/** The windows with messages that pass the filter, and how many. */
function windowsWith(connection: Connection, campaignId: string, { status, code }: MessageFilter) {
  const rows = connection.all(
    `SELECT window, sum(messages) AS messages FROM campaign_count
     WHERE campaign_id = ?1 AND (?2 IS NULL OR status = ?2) AND (?3 IS NULL OR code = ?3)
     GROUP BY window HAVING sum(messages) > 0 ORDER BY window`,
    campaignId,
    status,
    code,
  );
  return rows.map((row) => ({ window: text(row, "window"), messages: number(row, "messages") }));
}

/** Messages of one window that pass the filter, with texts and names, which only those that are answered are asked for. */
function readRows(
  connection: Connection,
  campaignId: string,
  filter: MessageFilter,
  part: { after: string; window: string; limit: number; skip: number },
): Row[] {
  const { table, condition } = sourceOf(filter);
  return connection.all(
    `SELECT m.*, t.text AS text, l.name AS name
     FROM (
       SELECT * FROM ${table} WHERE campaign_id = ? AND lead_id > ? AND lead_id <= ? AND ${condition}
       ORDER BY lead_id LIMIT ? OFFSET ?) AS m
     LEFT JOIN message_text AS t ON t.campaign_id = m.campaign_id AND t.lead_id = m.lead_id
     LEFT JOIN lead AS l ON l._id = m.lead_id
     ORDER BY m.lead_id`,
    campaignId,
    part.after,
    windowEnd(connection, campaignId, part.window),
    filter.status,
    filter.code,
    part.limit,
    part.skip,
  );
}
