/** Owns a campaign's texts and who gets which: drawn from the message's identifier, so that it is the same whoever asks. */
import { drawOf, hashOf } from "../chance.ts";
import type { Campaign, FrozenVariant } from "./campaign.ts";

/** A campaign's texts as a run freezes them: its variants, or its one text for everybody. */
export function variantsOf({ message_template, options }: Pick<Campaign, "message_template" | "options">): FrozenVariant[] {
  if (options.variants.length === 0) return [{ name: "A", percent: 100, template: message_template }];
  return options.variants.map(({ name, percent, message_template: template }) => ({ name, percent, template }));
}

/** What the text at `index` is called; one that the campaign does not have, which only a broken ledger knows, by its place. */
export function variantName(variants: readonly { name: string }[], index: number): string {
  return variants[index]?.name ?? `#${index}`;
}

/** The index in `variants` of the text that the message `messageId` has; their percents sum to 100. */
export function variantOf(variants: readonly { percent: number }[], messageId: string): number {
  if (variants.length <= 1) return 0;
  let left = drawOf(hashOf(0, messageId), 0) * 100;
  for (const [index, { percent }] of variants.entries()) {
    left -= percent;
    if (left < 0) return index;
  }
  return variants.length - 1;
}
