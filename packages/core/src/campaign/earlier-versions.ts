/** Owns what is read of campaigns that were stored before they could have all that they can have now. */
import type { FrozenContent, FrozenRun } from "./campaign.ts";
import { type CampaignOptions, NO_OPTIONS } from "./options.ts";

/** Nothing but a text goes out. */
export const NO_CONTENT: Readonly<FrozenContent> = Object.freeze({ media: null, buttons: [], template: null });

export function storedOptions(stored: Partial<CampaignOptions>): CampaignOptions {
  return { ...NO_OPTIONS, ...stored };
}

export function storedRun(stored: Omit<FrozenRun, "content"> & Partial<FrozenRun>): FrozenRun {
  return { ...stored, content: stored.content ?? NO_CONTENT };
}
