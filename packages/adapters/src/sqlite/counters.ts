/** Owns the counters of the ledger: where a campaign's messages stand, window by window, always equal to the rows. */
import type { LedgerAudit, WindowCount } from "@mini-crm/core/campaign/audit";
import type { FrozenRun, FrozenVariant, MessageCounts } from "@mini-crm/core/campaign/campaign";
import { noMessages } from "@mini-crm/core/campaign/campaign";
import { type CountedRows, countedCode, type Place, placesOf, windowOfLead } from "@mini-crm/core/campaign/place";
import { variantOf } from "@mini-crm/core/campaign/variant";
import { AFTER_ALL_LEADS } from "@mini-crm/core/lead/lead";
import { hasLeft, type MessageStatus, messageId } from "@mini-crm/core/message/message";
import type { LedgerCount } from "@mini-crm/core/ports/store";
import { type Connection, number, type Row, text, textOrNull } from "./connection.ts";

/** The changes that a transaction makes to the counters: gathered while rows change, written once at its end. */
export interface CountChanges {
  /** One message has gone from one place to another. */
  moved(campaignId: string, leadId: string, from: Place, to: Place): void;
  /** So many messages of a window, none of which has left, have gone from one place to another; `null` where they are new. */
  movedMany(campaignId: string, window: string, from: Place | null, to: Place, messages: number): void;
  write(): void;
}

/** How many messages have come to a place, or left it. */
interface Change {
  place: [status: string, code: string, variant: number, window: string];
  messages: number;
}

/** What the counters need to know of a campaign. */
interface Counted {
  campaignId: string;
  /** The windows in order, each by the lead that it begins behind. */
  windows: string[];
  variants: readonly FrozenVariant[];
  changes: Map<string, Change>;
  /** The last move and its window's end: nearly every message goes the way of the one before it. */
  last: { way: string; window: string; end: string; from: Change; to: Change } | null;
}

export function countChanges(connection: Connection): CountChanges {
  const campaigns = new Map<string, Counted>();
  let latest: Counted | null = null;
  const countedOf = (campaignId: string): Counted => {
    if (latest?.campaignId === campaignId) return latest;
    latest = campaigns.get(campaignId) ?? {
      campaignId,
      windows: windowsOf(connection, campaignId),
      variants: variantsOf(connection, campaignId),
      changes: new Map(),
      last: null,
    };
    campaigns.set(campaignId, latest);
    return latest;
  };

  return {
    moved(campaignId, leadId, from, to) {
      const counted = countedOf(campaignId);
      const { last } = counted;
      const way = wayOf(from, to);
      const isSame =
        last !== null && last.way === way && leadId > last.window && leadId <= last.end && counted.variants.length <= 1;
      const move = isSame ? last : moveOf(counted, leadId, from, to, way);
      counted.last = move;
      move.from.messages -= 1;
      move.to.messages += 1;
    },
    movedMany(campaignId, window, from, to, messages) {
      if (messages === 0) return;
      const counted = countedOf(campaignId);
      if (from !== null) changeAt(counted, from, 0, window).messages -= messages;
      changeAt(counted, to, 0, window).messages += messages;
    },
    write() {
      for (const [campaignId, { changes }] of campaigns) {
        for (const { place, messages } of changes.values()) {
          if (messages === 0) continue;
          connection.run(
            `INSERT INTO campaign_count (campaign_id, status, code, variant, window, messages) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET messages = messages + excluded.messages`,
            campaignId,
            ...place,
            messages,
          );
        }
      }
    },
  };
}

/** Where a move begins and ends. */
function wayOf(from: Place, to: Place): string {
  return `${from.status} ${from.code ?? ""} > ${to.status} ${to.code ?? ""}`;
}

function moveOf(counted: Counted, leadId: string, from: Place, to: Place, way: string): NonNullable<Counted["last"]> {
  const { window, end } = windowOfLead(counted.windows, leadId);
  const variant = counted.variants.length > 1 ? variantOf(counted.variants, messageId(counted.campaignId, leadId)) : 0;
  return {
    way,
    window,
    end,
    from: changeAt(counted, from, hasLeft(from.status) ? variant : 0, window),
    to: changeAt(counted, to, hasLeft(to.status) ? variant : 0, window),
  };
}

function changeAt({ changes }: Counted, place: Place, variant: number, window: string): Change {
  const { status } = place;
  const reason = countedCode(place);
  const key = `${status} ${reason} ${variant} ${window}`;
  const known = changes.get(key);
  if (known !== undefined) return known;
  const change: Change = { place: [status, reason, variant, window], messages: 0 };
  changes.set(key, change);
  return change;
}

function windowsOf(connection: Connection, campaignId: string): string[] {
  const rows = connection.all("SELECT after FROM message_window WHERE campaign_id = ? ORDER BY after", campaignId);
  return rows.map((row) => text(row, "after"));
}

/** The texts of a campaign that was started. */
export function variantsOf(connection: Connection, campaignId: string): readonly FrozenVariant[] {
  const row = connection.get("SELECT frozen FROM campaign WHERE _id = ?", campaignId);
  const frozen = row === undefined ? null : textOrNull(row, "frozen");
  if (frozen === null) return [];
  const { variants }: FrozenRun = JSON.parse(frozen);
  return variants;
}

export function countsOf(connection: Connection, campaignId: string): MessageCounts {
  return countsFrom(
    connection.all(
      "SELECT status, sum(messages) AS messages FROM campaign_count WHERE campaign_id = ? GROUP BY status",
      campaignId,
    ),
  );
}

function countsFrom(rows: readonly Row[]): MessageCounts {
  const counts = noMessages();
  for (const row of rows) counts[text(row, "status") as MessageStatus] = number(row, "messages");
  return counts;
}

/** How many messages of all campaigns over a channel stand in each status. */
export function countsOfChannel(connection: Connection, channelId: string): MessageCounts {
  const rows = connection.all(
    `SELECT n.status, sum(n.messages) AS messages FROM campaign AS c CROSS JOIN campaign_count AS n ON n.campaign_id = c._id
     WHERE c.channel_id = ? GROUP BY n.status`,
    channelId,
  );
  return countsFrom(rows);
}

/** The first window from `from` on in which messages are ready to be claimed; null where there is none. */
export function windowWithReady(connection: Connection, campaignId: string, from: string): string | null {
  const row = connection.get(
    `SELECT window FROM campaign_count WHERE campaign_id = ? AND status = 'PENDING' AND code = '' AND variant = 0
       AND window >= ? AND messages > 0 ORDER BY window LIMIT 1`,
    campaignId,
    from,
  );
  return row === undefined ? null : text(row, "window");
}

/** The window that holds what comes right behind `after`. */
export function windowBehind(connection: Connection, campaignId: string, after: string): string {
  const row = connection.get(
    "SELECT max(after) AS after FROM message_window WHERE campaign_id = ? AND after <= ?",
    campaignId,
    after,
  );
  return (row === undefined ? null : textOrNull(row, "after")) ?? "";
}

/** Where the window ends: at the lead that the next one begins behind. */
export function windowEnd(connection: Connection, campaignId: string, window: string): string {
  const row = connection.get(
    "SELECT min(after) AS next FROM message_window WHERE campaign_id = ? AND after > ?",
    campaignId,
    window,
  );
  return (row === undefined ? null : textOrNull(row, "next")) ?? AFTER_ALL_LEADS;
}

export function ledgerCounts(connection: Connection, campaignId: string): LedgerCount[] {
  return connection
    .all(
      `SELECT status, code, variant, sum(messages) AS messages FROM campaign_count WHERE campaign_id = ?
       GROUP BY status, code, variant HAVING sum(messages) <> 0 ORDER BY status, code, variant`,
      campaignId,
    )
    .map(ledgerCountOf);
}

/** The counters window by window, and the same counted from the rows. The caller holds the moment: see `snapshot`. */
export function auditOf(connection: Connection, campaignId: string): LedgerAudit {
  const counters = connection
    .all("SELECT window, status, code, variant, messages FROM campaign_count WHERE campaign_id = ? AND messages <> 0", campaignId)
    .map((row): WindowCount => ({ window: text(row, "window"), ...ledgerCountOf(row) }));
  const variants = variantsOf(connection, campaignId);
  // Rows that no window holds would be found in the first.
  const windows = [...new Set(["", ...windowsOf(connection, campaignId)])];
  const rows = windows.flatMap((window, index) => {
    return countRows(connection, campaignId, variants, { window, end: windows[index + 1] ?? AFTER_ALL_LEADS });
  });
  return { counters, rows };
}

function countRows(
  connection: Connection,
  campaignId: string,
  variants: readonly FrozenVariant[],
  { window, end }: { window: string; end: string },
): WindowCount[] {
  // Without variants the rows can be counted where they are.
  const select =
    variants.length > 1
      ? "SELECT status, code, lead_id, 1 AS messages FROM message WHERE campaign_id = ? AND lead_id > ? AND lead_id <= ?"
      : `SELECT status, code, '' AS lead_id, count(*) AS messages FROM message
         WHERE campaign_id = ? AND lead_id > ? AND lead_id <= ? GROUP BY status, code`;
  return placesOf(window, variants, rowsOf(connection.iterate(select, campaignId, window, end), campaignId));
}

function* rowsOf(rows: Iterable<Row>, campaignId: string): Generator<CountedRows> {
  for (const row of rows) {
    const leadId = text(row, "lead_id");
    yield {
      _id: leadId === "" ? null : messageId(campaignId, leadId),
      status: text(row, "status") as MessageStatus,
      code: textOrNull(row, "code"),
      messages: number(row, "messages"),
    };
  }
}

function ledgerCountOf(row: Row): LedgerCount {
  return {
    status: text(row, "status") as MessageStatus,
    code: text(row, "code") === "" ? null : text(row, "code"),
    variant: number(row, "variant"),
    messages: number(row, "messages"),
  };
}
