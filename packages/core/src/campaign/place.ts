/** Owns where a message stands for the ledger's counters: which reason tells places apart, and which window it is counted in. */
import { AFTER_ALL_LEADS } from "../lead/lead.ts";
import { hasLeft, type MessageStatus } from "../message/message.ts";
import type { WindowCount } from "./audit.ts";
import type { FrozenVariant } from "./campaign.ts";
import { variantOf } from "./variant.ts";

/** Where a message stands, as far as it is counted. */
export interface Place {
  status: MessageStatus;
  code?: string | null | undefined;
}

/** The reason that messages of a place are counted by; "" where the status needs none. PENDING ones have one while they wait. */
export function countedCode({ status, code }: Place): string {
  const needsReason = status === "PENDING" || status === "FAILED" || status === "SKIPPED" || status === "UNCERTAIN";
  return needsReason ? (code ?? "") : "";
}

/** Which of a campaign's windows holds a lead, and the lead that it ends at. The windows are in order, each by where it begins. */
export function windowOfLead(windows: readonly string[], leadId: string): { window: string; end: string } {
  let [low, high] = [0, windows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((windows[middle] ?? "") < leadId) low = middle + 1;
    else high = middle;
  }
  const window = windows[low - 1];
  if (window === undefined) throw new Error(`No window of the campaign holds the lead ${leadId}`);
  return { window, end: windows[low] ?? AFTER_ALL_LEADS };
}

/** Stored messages that look alike; `_id` is null where variants need not be told apart. */
export interface CountedRows extends Place {
  _id: string | null;
  messages: number;
}

/** The places of a window as its stored messages have them. */
export function placesOf(window: string, variants: readonly FrozenVariant[], rows: Iterable<CountedRows>): WindowCount[] {
  const counts = new Map<string, WindowCount>();
  for (const { _id, messages, ...place } of rows) {
    const { status } = place;
    const code = countedCode(place);
    const variant = _id !== null && hasLeft(status) ? variantOf(variants, _id) : 0;
    const key = `${status} ${code} ${variant}`;
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { window, status, code: code === "" ? null : code, variant, messages });
    else known.messages += messages;
  }
  return [...counts.values()];
}
