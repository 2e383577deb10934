/** Owns how a campaign's messages are read in pages: the counters say how many each window holds, so pages skip whole windows. */
import { isSettled, type Message } from "@mini-crm/core/message/message";
import { partsOfPage } from "@mini-crm/core/message/pages";
import type { MessageFilter, NamedMessage, Page, PageRequest } from "@mini-crm/core/ports/store";
import { idsBetween, ledgerCounts, variantsOf, windowBehind, windowEnd, windowsWith } from "./counters.ts";
import type { MessageDocument } from "./documents.ts";
import { messageOf } from "./message-documents.ts";
import { SETTLED_INDEX } from "./schema.ts";
import type { Tables } from "./tables.ts";

export async function pageOfMessages(
  tables: Tables,
  campaignId: string,
  request: PageRequest & MessageFilter,
): Promise<Page<Message>> {
  const filter = await withStatus(tables, campaignId, request);
  const windows = await windowsWith(tables, campaignId, placeOf(filter));
  const variants = await variantsOf(tables, campaignId);
  const items: Message[] = [];
  for (const part of partsOfPage(windows, request)) {
    const messages = await readPart(tables, campaignId, filter, { after: part.window, ...part });
    for (const message of messages) items.push(messageOf(message, variants));
  }
  return { items, total: windows.reduce((sum, { messages }) => sum + messages, 0) };
}

/** Reads on behind the message to the lead `after`, through windows that hold what is looked for. */
export async function messagesBehind(
  tables: Tables,
  campaignId: string,
  request: MessageFilter & { after: string | null; limit: number },
): Promise<NamedMessage[]> {
  const after = request.after ?? "";
  const first = await windowBehind(tables, campaignId, after);
  const variants = await variantsOf(tables, campaignId);
  const items: Message[] = [];
  const filter = await withStatus(tables, campaignId, request);
  for (const { window } of await windowsWith(tables, campaignId, placeOf(filter))) {
    if (window < first) continue;
    const part = { after: after > window ? after : window, window, limit: request.limit - items.length, skip: 0 };
    for (const message of await readPart(tables, campaignId, filter, part)) items.push(messageOf(message, variants));
    if (items.length >= request.limit) break;
  }
  return withNames(tables, items);
}

async function withNames(tables: Tables, messages: readonly Message[]): Promise<NamedMessage[]> {
  const ids = messages.map(({ lead_id }) => lead_id);
  const leads = await tables.lead.find({ _id: { $in: ids } }, { projection: { name: 1 } });
  const names = new Map(leads.map(({ _id, name }) => [_id, name]));
  return messages.map((message) => ({ ...message, name: names.get(message.lead_id) ?? null }));
}

/** A reason that only one status has is asked for together with it. */
async function withStatus(tables: Tables, campaignId: string, filter: MessageFilter): Promise<MessageFilter> {
  if (filter.status !== null || filter.code === null) return filter;
  const counts = await ledgerCounts(tables, campaignId);
  const [only, another] = new Set(counts.filter(({ code }) => code === filter.code).map(({ status }) => status));
  return only === undefined || another !== undefined ? filter : { ...filter, status: only };
}

/** Where in the ledger the filter's messages are counted. */
function placeOf({ status, code }: MessageFilter) {
  return { ...(status === null ? {} : { status }), ...(code === null ? {} : { code }) };
}

/** Messages of one window that pass the filter. Those that are settled have an index. */
async function readPart(
  tables: Tables,
  campaignId: string,
  filter: MessageFilter,
  { after, window, skip, limit }: { after: string; window: string; skip: number; limit: number },
): Promise<MessageDocument[]> {
  const end = await windowEnd(tables, campaignId, window);
  if (filter.status === null || !isSettled(filter.status)) {
    return tables.message.find(
      { _id: idsBetween(campaignId, after, end), ...placeOf(filter) },
      { sort: { _id: 1 }, skip, limit },
    );
  }
  return tables.message.find(
    { campaign_id: campaignId, lead_id: { $gt: after, $lte: end }, settled_at: { $gt: 0 }, ...placeOf(filter) },
    { sort: { lead_id: 1 }, skip, limit, hint: SETTLED_INDEX },
  );
}
