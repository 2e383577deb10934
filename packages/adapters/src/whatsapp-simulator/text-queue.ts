/** Owns the texts that people wrote or will write, until they were heard: one in a row of their queue. */
import type { DatabaseSync } from "node:sqlite";
import type { InboundText } from "@mini-crm/core/ports/whatsapp-provider";
import { type HandoverQueue, handoverQueue } from "./handover-queue.ts";

export interface TextQueue extends HandoverQueue<InboundText> {
  /** Adds a text, which is due when it is written: inside the caller's transaction, where there is one. */
  add(text: InboundText): void;
}

export function textQueue(db: DatabaseSync, line: string): TextQueue {
  const { queue, insert } = handoverQueue<InboundText>(db, "text", line, (_due, text, into) => into.push(JSON.parse(text)));
  return { ...queue, add: (text) => insert(text.at, JSON.stringify(text)) };
}
