/** Owns the telling of a number's webhook: of receipts and texts, again and again until it has taken them. */
import type { InboundText, Receipt } from "@mini-crm/core/ports/whatsapp-provider";
import type { Outbox } from "../whatsapp-simulator/outbox.ts";
import type { Simulator } from "../whatsapp-simulator/simulator.ts";
import { UNTAGGED } from "./judge.ts";
import type { TwinNumber } from "./number.ts";
import { postWebhook, statusesBody, type Told, textsBody, userIdOf } from "./webhooks.ts";

export interface NumberWebhook {
  /** Tells the number's address as it is now; where there is none, everything waits. */
  listen(): void;
  /** Breaks off what is being told; it was not taken. */
  end(): void;
}

export interface NumberWebhookDeps {
  simulator: Simulator;
  outbox: Outbox;
  number: () => TwinNumber;
  /** Hears of texts when they are first told, and whenever they are told again. */
  onTexts: (texts: readonly InboundText[]) => void;
}

export function createNumberWebhook({ simulator, outbox, number, onTexts }: NumberWebhookDeps): NumberWebhook {
  const ended = new AbortController();
  const tell = toldBy(outbox);
  let listeners: (() => void)[] = [];

  const post = (url: string, body: unknown) => postWebhook(url, number().appSecret, body, ended.signal);

  function listen(): void {
    for (const end of listeners.splice(0)) end();
    const { webhookUrl: url } = number();
    if (url === null) return;
    listeners = [
      simulator.onReceipts((receipts) => post(url, statusesBody(number(), receipts, tell(receipts)))),
      simulator.onTexts((texts) => {
        onTexts(texts);
        return post(url, textsBody(number(), texts.map(identified)));
      }),
    ];
  }

  function identified(text: InboundText): InboundText {
    return { ...text, userId: text.userId ?? userIdOf(number().businessAccountId, text.from ?? "") };
  }

  return { listen, end: () => ended.abort() };
}

/** Looks up to whom the messages of these receipts went. */
function toldBy({ database }: Outbox): (receipts: readonly Receipt[]) => Map<string, Told> {
  const select = database.prepare(`
    SELECT message_id, recipient, provider_id FROM sent WHERE message_id IN (SELECT value FROM json_each(?))`);
  return (receipts) => {
    const told = new Map<string, Told>();
    for (const row of select.iterate(JSON.stringify(receipts.map(({ messageId }) => messageId)))) {
      const id = String(row["message_id"]);
      const opaque = id.startsWith(UNTAGGED) ? null : id;
      told.set(id, { to: String(row["recipient"]), providerId: String(row["provider_id"]), opaque });
    }
    return told;
  };
}
