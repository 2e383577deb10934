/** Owns which parts of a ledger a page is read from: its counters say how many messages each window holds. */
import type { PageRequest } from "../ports/store.ts";

/** What to read of one window: `limit` messages behind the first `skip`. */
export interface PagePart {
  window: string;
  skip: number;
  limit: number;
}

/** The parts of a page, where `windows` are those with messages that it is about, in order. */
export function partsOfPage(windows: readonly { window: string; messages: number }[], { page, limit }: PageRequest): PagePart[] {
  const parts: PagePart[] = [];
  let skip = (page - 1) * limit;
  let left = limit;
  for (const { window, messages } of windows) {
    const taken = Math.min(left, messages - skip);
    if (taken > 0) parts.push({ window, skip, limit: taken });
    if (taken > 0) left -= taken;
    if (left === 0) break;
    skip = Math.max(0, skip - messages);
  }
  return parts;
}
