/** Owns the look at a running campaign's messages, which says on which channel they go. */
import { lookAt } from "@mini-crm/core/event/raised";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { Tables } from "./tables.ts";

/** A look at a running campaign's messages to the leads after `after` up to `upTo`; null where it does not run. */
export async function windowOf(
  tables: Tables,
  campaignId: string,
  after: string | null,
  upTo: string,
  messages: number,
): Promise<TopicEvent | null> {
  const campaign = await tables.campaign.one({ _id: campaignId }, { projection: { channel_id: 1, status: 1 } });
  return campaign?.status === "RUNNING" ? lookAt(campaign, { after, upTo, messages }) : null;
}
