/** Owns the lead that somebody becomes who writes to us and is none yet. */
import type { InboundEvent } from "../event/topics.ts";
import { LEAD_LIMITS, type LeadInput } from "./lead.ts";
import { isE164 } from "./phone.ts";
import type { Wish } from "./stop-words.ts";

/** What the sender of a text becomes a lead with; null where they cannot be written to, or have just asked not to be. */
export function leadOfStranger({ from, name }: Pick<InboundEvent, "from" | "name">, wish: Wish | null): LeadInput | null {
  if (!isE164(from) || wish === "stop") return null;
  const known = nameOf(name);
  return { ...(known === "" ? {} : { name: known }), phones: [from], metadata: { source: "whatsapp" } };
}

/** People call themselves what they like: what a lead cannot hold is left out. */
function nameOf(name: string | null): string {
  return (name ?? "").slice(0, LEAD_LIMITS.nameChars).replaceAll("\0", "").toWellFormed().replaceAll("\uFFFD", "").trim();
}
