/** Owns what may be sent to whom over a channel: anything for a day after somebody's last message, else only a template. */
import { abilitiesOf, type Channel } from "../channel/channel.ts";
import { freeTextTo } from "../channel/window.ts";
import type { Instant } from "../instant.ts";
import type { ContactStore } from "../ports/channel-store.ts";
import type { Allowed } from "./words.ts";

/** What may be sent at `now` to each of `phones` (those that are null are passed over). */
export async function allowedTo(
  contacts: Pick<ContactStore, "lastTexts">,
  { _id, settings: { kind } }: Pick<Channel, "_id" | "settings">,
  phones: readonly (string | null)[],
  now: Instant,
): Promise<(phone: string | null) => Allowed> {
  if (!abilitiesOf(kind).has_window) return () => "anything";
  const texts = await contacts.lastTexts(
    _id,
    phones.filter((phone) => phone !== null),
  );
  return (phone) => {
    const lastTextAt = phone === null ? null : (texts[phone] ?? null);
    return freeTextTo(kind, lastTextAt, now).kind === "open" ? "anything" : "template";
  };
}
