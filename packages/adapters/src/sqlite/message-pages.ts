/** Owns how a campaign's messages are read in pages: the counters say how many each window holds, so pages skip whole windows. */
import type { Message } from "@mini-crm/core/message/message";
import type { MessageFilter, Page, PageRequest } from "@mini-crm/core/ports/store";
import { type Connection, number, text } from "./connection.ts";
import { variantsOf, windowBehind, windowEnd } from "./counters.ts";
import { messageOf, SELECT_MESSAGE } from "./message-rows.ts";

type Filtered = { sql: string; params: string[] };

export function pageOfMessages(connection: Connection, campaignId: string, request: PageRequest & MessageFilter): Page<Message> {
  const windows = windowsWith(connection, campaignId, request);
  const total = windows.reduce((sum, { messages }) => sum + messages, 0);
  let skip = (request.page - 1) * request.limit;
  const items: Message[] = [];
  const variants = variantsOf(connection, campaignId);
  for (const { window, messages } of windows) {
    if (skip >= messages) {
      skip -= messages;
      continue;
    }
    const filter = filterOf(request);
    const rows = connection.all(
      `${SELECT_MESSAGE} WHERE m.campaign_id = ? AND m.lead_id > ? AND m.lead_id <= ? AND ${filter.sql}
       ORDER BY m.lead_id LIMIT ? OFFSET ?`,
      campaignId,
      window,
      windowEnd(connection, campaignId, window),
      ...filter.params,
      request.limit - items.length,
      skip,
    );
    for (const row of rows) items.push(messageOf(row, variants));
    if (items.length >= request.limit) break;
    skip = 0;
  }
  return { items, total };
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

/** Reads on behind the message to the lead `after`, through windows that hold what is looked for. */
export function messagesBehind(
  connection: Connection,
  campaignId: string,
  request: MessageFilter & { after: string | null; limit: number },
): Message[] {
  const after = request.after ?? "";
  const first = windowBehind(connection, campaignId, after);
  const filter = filterOf(request);
  const variants = variantsOf(connection, campaignId);
  const items: Message[] = [];
  for (const { window } of windowsWith(connection, campaignId, request)) {
    if (window < first) continue;
    const rows = connection.all(
      `${SELECT_MESSAGE} WHERE m.campaign_id = ? AND m.lead_id > ? AND m.lead_id <= ? AND ${filter.sql} ORDER BY m.lead_id LIMIT ?`,
      campaignId,
      after > window ? after : window,
      windowEnd(connection, campaignId, window),
      ...filter.params,
      request.limit - items.length,
    );
    for (const row of rows) items.push(messageOf(row, variants));
    if (items.length >= request.limit) break;
  }
  return items;
}

function filterOf({ status, code }: MessageFilter): Filtered {
  const conditions = ["TRUE"];
  const params: string[] = [];
  if (status !== null) {
    conditions.push("m.status = ?");
    params.push(status);
  }
  if (code !== null) {
    conditions.push("m.code = ?");
    params.push(code);
  }
  return { sql: conditions.join(" AND "), params };
}
