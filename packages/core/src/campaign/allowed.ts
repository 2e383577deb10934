/** Owns what may be sent to whom over a channel: anything for a day after somebody's last message, else only a template. */
import { windowEnds } from "../channel/window.ts";
import type { Instant } from "../instant.ts";
import type { ContactStore } from "../ports/channel-store.ts";
import type { Allowed } from "./words.ts";

/** What may be sent at `now` to each of `phones` (those that are null are passed over). */
export async function allowedTo(
  contacts: Pick<ContactStore, "lastTexts">,
  { channelId, hasWindow }: { channelId: string; hasWindow: boolean },
  phones: readonly (string | null)[],
  now: Instant,
): Promise<(phone: string | null) => Allowed> {
  if (!hasWindow) return () => "anything";
  const texts = await contacts.lastTexts(
    channelId,
    phones.filter((phone) => phone !== null),
  );
  return (phone) => {
    const last = phone === null ? undefined : texts[phone];
    return last !== undefined && now < windowEnds(last) ? "anything" : "template";
  };
}
