/** Owns the way in from a connection: what a provider tells is heard once it is durable on the bus; until then, it tells it again. */
import { receiptEvent, textEvent } from "@mini-crm/core/event/heard";
import type { WhatsAppProvider } from "@mini-crm/core/ports/whatsapp-provider";
import type { PipelineDeps } from "./deps.ts";

/** What the provider says of messages goes the same way as what the sender says of them. */
export function publishReceipts({ bus }: Pick<PipelineDeps, "bus">, provider: WhatsAppProvider): () => void {
  return provider.onReceipts((receipts) => bus.publish(receipts.map(receiptEvent)));
}

export function publishTexts({ bus }: Pick<PipelineDeps, "bus">, channelId: string, provider: WhatsAppProvider): () => void {
  return provider.onTexts((texts) => bus.publish(texts.map((text) => textEvent(channelId, text))));
}
