/** Owns what went to one lead from campaigns, as it is found for whoever looks at that lead. */
import type { Campaign, FrozenRun } from "@mini-crm/core/campaign/campaign";
import type { Message } from "@mini-crm/core/message/message";
import type { Store } from "@mini-crm/core/ports/store";

export interface SentMessage {
  message: Message;
  campaign: Campaign & { frozen: FrozenRun };
}

/** The last messages of campaigns to a lead, newest first; of a campaign that is removed meanwhile there are none. */
export async function messagesTo({ messages, campaigns }: Store, leadId: string, limit: number): Promise<SentMessage[]> {
  const sent = await messages.ofLead(leadId, limit);
  const ids = [...new Set(sent.map(({ campaign_id }) => campaign_id))];
  const found = new Map(await Promise.all(ids.map(async (id) => [id, await campaigns.read(id)] as const)));
  return sent.flatMap((message) => {
    const campaign = found.get(message.campaign_id);
    return campaign?.frozen ? [{ message, campaign: { ...campaign, frozen: campaign.frozen } }] : [];
  });
}
