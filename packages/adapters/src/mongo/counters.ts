/** Owns the counters of the ledger: where a campaign's messages stand, window by window, always equal to the documents. */
import type { LedgerAudit, WindowCount } from "@mini-crm/core/campaign/audit";
import { type Campaign, type FrozenVariant, noMessages } from "@mini-crm/core/campaign/campaign";
import { countedCode, type Place, placesOf, windowOfLead } from "@mini-crm/core/campaign/place";
import { variantOf } from "@mini-crm/core/campaign/variant";
import type { Instant } from "@mini-crm/core/instant";
import { AFTER_ALL_LEADS } from "@mini-crm/core/lead/lead";
import { hasLeft, type MessageStatus, messageId } from "@mini-crm/core/message/message";
import type { LedgerCount } from "@mini-crm/core/ports/store";
import { ObjectId } from "mongodb";
import type { CampaignCountDocument } from "./documents.ts";
import type { Tables } from "./tables.ts";

/** The changes that a transaction makes to the counters: gathered while messages change, written once at its end. */
export interface CountChanges {
  /** One message has gone from one place to another. */
  moved(campaignId: string, leadId: string, from: Place, to: Place): void;
  /** So many messages of a window, none of which has left, have gone from one place to another; `null` where they are new. */
  movedMany(campaignId: string, window: string, from: Place | null, to: Place, messages: number): void;
  /** Messages of a campaign were sent: see `countedOf`. */
  sent(campaignId: string, at: Instant): void;
  write(): Promise<void>;
}

interface Move {
  leadId: string;
  from: Place;
  to: Place;
}

type Count = Pick<CampaignCountDocument, "status" | "code" | "variant" | "window" | "messages">;

export function countChanges(tables: Tables): CountChanges {
  const moves = new Map<string, Move[]>();
  const sums = new Map<string, Map<string, Count>>();
  const sentAt = new Map<string, Instant>();
  const add = (campaignId: string, place: Place, variant: number, window: string, messages: number): void => {
    const counts = sums.get(campaignId) ?? new Map<string, Count>();
    sums.set(campaignId, counts);
    const count = { status: place.status, code: countedCode(place), variant, window, messages };
    const known = counts.get(keyOf(count));
    if (known === undefined) counts.set(keyOf(count), count);
    else known.messages += messages;
  };

  return {
    moved(campaignId, leadId, from, to) {
      const known = moves.get(campaignId) ?? [];
      known.push({ leadId, from, to });
      moves.set(campaignId, known);
    },
    movedMany(campaignId, window, from, to, messages) {
      if (from !== null) add(campaignId, from, 0, window, -messages);
      add(campaignId, to, 0, window, messages);
    },
    sent(campaignId, at) {
      sentAt.set(campaignId, at);
    },
    async write() {
      for (const [campaignId, gone] of moves) {
        const [windows, variants] = [await windowsOf(tables, campaignId), await variantsOf(tables, campaignId)];
        for (const { leadId, from, to } of gone) {
          const { window } = windowOfLead(windows, leadId);
          const variant = variants.length > 1 ? variantOf(variants, messageId(campaignId, leadId)) : 0;
          add(campaignId, from, hasLeft(from.status) ? variant : 0, window, -1);
          add(campaignId, to, hasLeft(to.status) ? variant : 0, window, 1);
        }
      }
      const changes = [...sums].flatMap(([campaign_id, counts]) =>
        [...counts.values()].map((count) => ({ campaign_id, ...count })),
      );
      const sends = [...sentAt].map(([campaign_id, sent_at]) => ({ campaign_id, ...WHERE_SENDS_ARE, messages: 0, sent_at }));
      await tables.campaign_count.insert(
        [...changes.filter(({ messages }) => messages !== 0), ...sends].map((change) => {
          return { _id: new ObjectId(), fresh: true, ...change };
        }),
      );
    },
  };
}

/** The place whose changes also tell when a campaign sent last. */
const WHERE_SENDS_ARE = { status: "SENT", code: "", variant: 0, window: "" } as const;

function latest(one: Instant | null, other: Instant | null): Instant | null {
  return one === null || other === null ? (one ?? other) : Math.max(one, other);
}

function keyOf({ status, code, variant, window }: Count): string {
  return JSON.stringify([status, code, variant, window]);
}

/**
 * Sums up the changes of every campaign that has some; answers these campaigns. Their sum stays what it was: only the transaction
 * that adds a change and the one that sums it up ever touch it.
 */
export async function sumUp(tables: Tables, most: number): Promise<string[]> {
  const changes = await tables.campaign_count.find({ fresh: true }, { limit: most });
  const sums = new Map<string, CampaignCountDocument>();
  for (const { _id, fresh, ...change } of changes) {
    const id = JSON.stringify([change.campaign_id, change.status, change.code, change.variant, change.window]);
    const sum = sums.get(id);
    if (sum === undefined) sums.set(id, { _id: id, ...change });
    else {
      sum.messages += change.messages;
      const sent_at = latest(sum.sent_at ?? null, change.sent_at ?? null);
      if (sent_at !== null) sum.sent_at = sent_at;
    }
  }
  await tables.campaign_count.write(
    [...sums.values()].map(({ _id, messages, sent_at, ...place }) => ({
      updateOne: {
        filter: { _id },
        update: { $inc: { messages }, $setOnInsert: place, ...(sent_at === undefined ? {} : { $max: { sent_at } }) },
        upsert: true,
      },
    })),
  );
  if (changes.length > 0) await tables.campaign_count.remove({ _id: { $in: changes.map(({ _id }) => _id) } });
  return [...new Set(changes.map(({ campaign_id }) => campaign_id))];
}

async function windowsOf(tables: Tables, campaignId: string): Promise<string[]> {
  const windows = await tables.message_window.find({ campaign_id: campaignId }, { sort: { after: 1 } });
  return windows.map(({ after }) => after);
}

/** The texts of a campaign that was started. */
export async function variantsOf(tables: Tables, campaignId: string): Promise<readonly FrozenVariant[]> {
  const campaign = await tables.campaign.one({ _id: campaignId }, { projection: { "frozen.variants": 1 } });
  return campaign?.frozen?.variants ?? [];
}

/** What the counters say of a campaign. */
export type Counted = Pick<Campaign, "counts" | "last_sent_at">;

/** Of each campaign where its messages stand, and when some were sent last; one without messages may be missing. */
export async function countedOf(tables: Tables, campaignIds: readonly string[]): Promise<Map<string, Counted>> {
  const sums = await tables.campaign_count.aggregate<{
    _id: { campaign_id: string; status: MessageStatus };
    messages: number;
    sent_at: Instant | null;
  }>([
    { $match: { campaign_id: { $in: campaignIds } } },
    {
      $group: {
        _id: { campaign_id: "$campaign_id", status: "$status" },
        messages: { $sum: "$messages" },
        sent_at: { $max: "$sent_at" },
      },
    },
  ]);
  const counted = new Map<string, Counted>();
  for (const { _id, messages, sent_at } of sums) {
    const known = counted.get(_id.campaign_id) ?? { counts: noMessages(), last_sent_at: null };
    known.counts[_id.status] = messages;
    known.last_sent_at = latest(known.last_sent_at, sent_at);
    counted.set(_id.campaign_id, known);
  }
  return counted;
}

export async function ledgerCounts(tables: Tables, campaignId: string): Promise<LedgerCount[]> {
  const rows = await tables.campaign_count.aggregate<{
    _id: Pick<LedgerCount, "status" | "variant"> & { code: string };
    messages: number;
  }>([
    { $match: { campaign_id: campaignId } },
    { $group: { _id: { status: "$status", code: "$code", variant: "$variant" }, messages: { $sum: "$messages" } } },
    { $match: { messages: { $ne: 0 } } },
    { $sort: { _id: 1 } },
  ]);
  return rows.map(({ _id: { status, code, variant }, messages }) => ({
    status,
    code: code === "" ? null : code,
    variant,
    messages,
  }));
}

/** The windows with messages that `match` takes in, and how many, in order. */
export async function windowsWith(
  tables: Tables,
  campaignId: string,
  match: { status?: MessageStatus | { $in: MessageStatus[] }; code?: string | { $in: string[] } },
): Promise<{ window: string; messages: number }[]> {
  const rows = await tables.campaign_count.aggregate<{ _id: string; messages: number }>([
    { $match: { campaign_id: campaignId, ...match } },
    { $group: { _id: "$window", messages: { $sum: "$messages" } } },
    { $match: { messages: { $gt: 0 } } },
    { $sort: { _id: 1 } },
  ]);
  return rows.map(({ _id, messages }) => ({ window: _id, messages }));
}

/** The window that holds what comes right behind `after`. */
export async function windowBehind(tables: Tables, campaignId: string, after: string): Promise<string> {
  const filter = { campaign_id: campaignId, after: { $lte: after } };
  return (await tables.message_window.one(filter, { sort: { after: -1 } }))?.after ?? "";
}

/** Where the window ends: at the lead that the next one begins behind. */
export async function windowEnd(tables: Tables, campaignId: string, window: string): Promise<string> {
  const filter = { campaign_id: campaignId, after: { $gt: window } };
  return (await tables.message_window.one(filter, { sort: { after: 1 } }))?.after ?? AFTER_ALL_LEADS;
}

/** The identifiers of a campaign's messages to the leads after `after` up to `upTo`. */
export function idsBetween(campaignId: string, after: string, upTo: string): { $gt: string; $lte: string } {
  return { $gt: campaignId + after, $lte: campaignId + upTo };
}

/** The counters window by window, and the same counted from the documents. The caller holds the moment: a transaction. */
export async function auditOf(tables: Tables, campaignId: string): Promise<LedgerAudit> {
  const counters = await tables.campaign_count.aggregate<{ _id: Omit<WindowCount, "messages">; messages: number }>([
    { $match: { campaign_id: campaignId } },
    {
      $group: {
        _id: { window: "$window", status: "$status", code: "$code", variant: "$variant" },
        messages: { $sum: "$messages" },
      },
    },
    { $match: { messages: { $ne: 0 } } },
  ]);
  const variants = await variantsOf(tables, campaignId);
  // Messages that no window holds would be found in the first.
  const windows = [...new Set(["", ...(await windowsOf(tables, campaignId))])];
  const rows: WindowCount[] = [];
  for (const [index, window] of windows.entries()) {
    rows.push(...(await countRows(tables, campaignId, variants, { window, end: windows[index + 1] ?? AFTER_ALL_LEADS })));
  }
  return {
    counters: counters.map(({ _id, messages }) => ({ ..._id, code: _id.code === "" ? null : _id.code, messages })),
    rows,
  };
}

async function countRows(
  tables: Tables,
  campaignId: string,
  variants: readonly FrozenVariant[],
  { window, end }: { window: string; end: string },
): Promise<WindowCount[]> {
  // Without variants the messages can be counted where they are.
  const id = { status: "$status", code: "$code", ...(variants.length > 1 ? { message: "$_id" } : {}) };
  const rows = await tables.message.aggregate<{
    _id: { status: MessageStatus; code?: string | null; message?: string };
    messages: number;
  }>([{ $match: { _id: idsBetween(campaignId, window, end) } }, { $group: { _id: id, messages: { $sum: 1 } } }]);
  const alike = rows.map(({ _id: { message = null, ...place }, messages }) => ({ _id: message, ...place, messages }));
  return placesOf(window, variants, alike);
}
