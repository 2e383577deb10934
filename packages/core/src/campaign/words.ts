/** Owns what a campaign's message says to one recipient. */
import type { Instant } from "../instant.ts";
import type { Lead } from "../lead/lead.ts";
import { type Rendered, render, templateOf } from "../template/template.ts";
import type { FrozenVariant } from "./campaign.ts";
import { variantOf } from "./variant.ts";

/** The text that the message `messageId` has, by its index, rendered for `lead` at `now`. */
export function wordsFor(
  variants: readonly FrozenVariant[],
  messageId: string,
  lead: Lead,
  now: Instant,
): { variant: number; rendered: Rendered } {
  const variant = variantOf(variants, messageId);
  return { variant, rendered: render(templateOf(variants[variant]?.template ?? ""), lead, now) };
}
