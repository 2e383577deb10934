/** Owns what comes in over a linked device: receipts and texts, kept with the session until whoever listens has heard them. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type { InboundText, Receipt } from "@mini-crm/core/ports/whatsapp-provider";
import type { BinaryNode } from "baileys";
import { createHandover, type Listener } from "./handover.ts";
import { type Acknowledgement, receiptOf } from "./receipts.ts";
import type { SentMessages } from "./sent-messages.ts";
import type { Changes, SessionEntries } from "./session-entries.ts";

export interface Mailbox {
  start(): Promise<void>;
  stop(): Promise<void>;
  onReceipts(listener: Listener<Receipt>): () => void;
  onTexts(listener: Listener<InboundText>): () => void;
  /** Resolves when what it says of messages of ours is safe. */
  takeReceipt(stanza: BinaryNode): Promise<void>;
  /** The answer to a message that nobody waits for any more. */
  takeLateAnswer(answer: Acknowledgement): Promise<void>;
  /** Keeps texts, in one transaction with `changes`. */
  takeTexts(texts: readonly InboundText[], changes: Changes): Promise<void>;
  /** Keeps a text, unless it was taken already. */
  takeText(text: InboundText): Promise<void>;
  /** Why nothing more may come in for now; null where it may. */
  standstill(): string | null;
}

const MOST_KEPT = 10_000;
const MOST_KNOWN_TEXTS = 1_000;

export function createMailbox(clock: Clock, entries: SessionEntries, sent: SentMessages): Mailbox {
  const receipts = createHandover<Receipt>({ name: "receipts", clock, entries });
  const texts = createHandover<InboundText>({ name: "texts", clock, entries });
  const known = new Set<string>();

  async function takeReceipts(providerIds: readonly string[], receipt: Omit<Receipt, "messageId">): Promise<void> {
    const found = await sent.find(providerIds);
    if (found.size > 0) await receipts.add([...found.values()].map(({ messageId }) => ({ messageId, ...receipt })));
  }

  async function takeTexts(taken: readonly InboundText[], changes: Changes): Promise<void> {
    for (const { providerId } of taken) {
      known.add(providerId);
      const [oldest] = known;
      if (known.size > MOST_KNOWN_TEXTS && oldest !== undefined) known.delete(oldest);
    }
    await texts.add(taken, changes);
  }

  return {
    async start() {
      await Promise.all([receipts.start(), texts.start()]);
    },
    async stop() {
      await Promise.all([receipts.stop(), texts.stop()]);
    },
    onReceipts: receipts.listen,
    onTexts: texts.listen,
    async takeReceipt(stanza) {
      const receipt = receiptOf(stanza, clock.now());
      if (receipt === null) return;
      const { providerIds, status, at } = receipt;
      await takeReceipts(providerIds, { status, at, code: null, reason: null });
    },
    async takeLateAnswer({ providerId, error, at }) {
      if (error === null) return takeReceipts([providerId], { status: "SENT", at, code: null, reason: null });
      const reason = `WhatsApp refuses the message with the error ${error}.`;
      await takeReceipts([providerId], { status: "FAILED", at, code: `whatsapp_${error}`, reason });
    },
    takeTexts,
    async takeText(text) {
      if (!known.has(text.providerId)) await takeTexts([text], {});
    },
    standstill() {
      const kept = receipts.size() + texts.size();
      return kept < MOST_KEPT ? null : `${kept} receipts and texts wait to be heard: more may come in when they are.`;
    },
  };
}
