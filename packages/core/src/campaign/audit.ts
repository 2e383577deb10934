/** Owns the check of a campaign's ledger that anyone can run: the figures sum up, and the counters equal the rows. */
import { MESSAGE_STATUSES } from "../message/message.ts";
import type { LedgerCount } from "../ports/store.ts";
import { type Campaign, ledgerOf } from "./campaign.ts";

/** So many messages of one part of a campaign's audience stand in one place. */
export interface WindowCount extends LedgerCount {
  /** The part: behind the lead with this identifier, up to where the next one begins. */
  window: string;
}

/** The counters of a campaign and the same counted from its rows, both of one moment. */
export interface LedgerAudit {
  counters: WindowCount[];
  rows: WindowCount[];
}

/** Where counters and rows disagree. */
export interface LedgerDifference extends Omit<WindowCount, "messages"> {
  counter: number;
  rows: number;
}

/** Every place in which counters and rows disagree; a place that one side does not name holds none there. */
export function differencesOf({ counters, rows }: LedgerAudit): LedgerDifference[] {
  const places = new Map<string, LedgerDifference>();
  const placeOf = ({ window, status, code, variant }: WindowCount): LedgerDifference => {
    const key = JSON.stringify([window, status, code, variant]);
    const known = places.get(key);
    if (known !== undefined) return known;
    const place = { window, status, code, variant, counter: 0, rows: 0 };
    places.set(key, place);
    return place;
  };
  for (const count of counters) placeOf(count).counter += count.messages;
  for (const count of rows) placeOf(count).rows += count.messages;
  return [...places.values()].filter(({ counter, rows: counted }) => counter !== counted);
}

/**
 * Tells whether `audience = sent + failed + skipped + uncertain + cancelled + pending`. What is pending is what the other figures
 * leave over, so what can break is that a figure is below 0, or that less is pending than has a row that is.
 */
export function ledgerCloses(campaign: Pick<Campaign, "counts" | "expected" | "expanded">): boolean {
  const { counts } = campaign;
  const { audience, sent, failed, skipped, uncertain, cancelled, pending } = ledgerOf(campaign);
  return (
    MESSAGE_STATUSES.every((status) => counts[status] >= 0) &&
    pending >= counts.PENDING + counts.CLAIMED + counts.SENDING &&
    sent + failed + skipped + uncertain + cancelled + pending === audience
  );
}
