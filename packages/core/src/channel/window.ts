/** Owns WhatsApp's window: for how long after a person's last message they may be sent something other than an approved template. */
import type { Instant } from "../instant.ts";
import { abilitiesOf, type ChannelKind } from "./channel.ts";

export const WINDOW_MS = 24 * 3_600_000;

/** When the window closes of somebody who last wrote at `lastTextAt`. */
export function windowEnds(lastTextAt: Instant): Instant {
  return lastTextAt + WINDOW_MS;
}

/**
 * Whether a person may be sent free text: `until` is when that ends, null where the kind of channel knows no end; `since` is when
 * it ended, null where they never wrote.
 */
export type FreeText = { kind: "open"; until: Instant | null } | { kind: "closed"; since: Instant | null };

/** Whether somebody who last wrote to a channel of this kind at `lastTextAt` (null: never) may be sent free text at `now`. */
export function freeTextTo(kind: ChannelKind, lastTextAt: Instant | null, now: Instant): FreeText {
  if (!abilitiesOf(kind).has_window) return { kind: "open", until: null };
  if (lastTextAt === null) return { kind: "closed", since: null };
  const ends = windowEnds(lastTextAt);
  return now < ends ? { kind: "open", until: ends } : { kind: "closed", since: ends };
}
