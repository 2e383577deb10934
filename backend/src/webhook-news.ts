/** Owns what becomes of what Meta's webhooks tell: kept as it was told, and brought to the store and the bus later. */
import { receiptEvent, textEvent } from "@mini-crm/core/event/heard";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { InboundText, Receipt } from "@mini-crm/core/ports/whatsapp-provider";
import type { TemplateNews } from "@mini-crm/runtime/cloud";
import type { BackendDeps } from "./deps.ts";

/** One webhook's news. What is kept outlives this version: a change of the shape takes the next `version`. */
export interface WebhookNews {
  version: 1;
  channel_id: string;
  receipts: Receipt[];
  texts: InboundText[];
  templates: TemplateNews[];
}

type Deps = Pick<BackendDeps, "store" | "bus">;

/** Returns how news is worked through, in its order; doing it again does nothing. */
export function deliverNews({ store, bus }: Deps): (news: readonly WebhookNews[]) => Promise<void> {
  return async (news) => {
    const events: TopicEvent[] = [];
    for (const { channel_id, receipts, texts, templates } of news) {
      for (const { name, language, status } of templates) await store.templates.changeStatus(channel_id, name, language, status);
      const withNumbers = await numbered(store, channel_id, texts);
      events.push(...receipts.map(receiptEvent), ...withNumbers.map((text) => textEvent(channel_id, text)));
    }
    if (events.length > 0) await bus.publish(events);
  };
}

/** The texts with the numbers of those whom WhatsApp calls only by its own name for them, where these are known. */
async function numbered(store: Deps["store"], channelId: string, texts: InboundText[]): Promise<InboundText[]> {
  const unknown = texts.flatMap(({ from, userId }) => (from === null && userId !== null ? [userId] : []));
  if (unknown.length === 0) return texts;
  const phones = await store.contacts.phonesOf(channelId, unknown);
  return texts.map((text) => ({ ...text, from: text.from ?? phones[text.userId ?? ""] ?? null }));
}
