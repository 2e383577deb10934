/** Owns the `WhatsAppProvider` port over Meta's Cloud API, for one number. */
import type { CloudSecrets, CloudSettings } from "@mini-crm/core/channel/channel";
import type { Clock } from "@mini-crm/core/ports/clock";
import type {
  InboundText,
  OutgoingMessage,
  ProviderHealth,
  Receipt,
  SendAnswer,
  WhatsAppProvider,
} from "@mini-crm/core/ports/whatsapp-provider";
import { answerTo } from "./errors.ts";
import { callGraph, graphAccess } from "./graph.ts";
import { createListeners } from "./listeners.ts";
import { lookUpNumber } from "./number.ts";
import { requestBodyOf } from "./outgoing.ts";
import { createWatch } from "./watch.ts";
import { isSigned, readWebhook } from "./webhook.ts";

export interface CloudOptions {
  settings: CloudSettings;
  secrets: CloudSecrets;
  clock: Clock;
  channelId: string;
}

export interface CloudProvider extends WhatsAppProvider {
  /**
   * Takes a webhook's body as it came, and its `X-Hub-Signature-256`; `status` is what to answer. Anything but 200 has Meta send it
   * again: 401 where Meta did not sign it, 400 where it cannot be read, 503 where it was not heard by every listener.
   */
  handleWebhook(raw: Uint8Array, signature: string | null): Promise<{ status: number }>;
}

/** Shorter than a sender waits, so that it hears the reason. */
const SEND_TIMEOUT_MS = 15_000;

export function createCloudProvider({ settings, secrets, clock, channelId }: CloudOptions): CloudProvider {
  const access = graphAccess({ settings, accessToken: secrets.access_token, clock });
  const watch = createWatch({ clock, lookUp: (signal) => lookUpNumber(access, settings, signal) });
  const receipts = createListeners<Receipt>();
  const texts = createListeners<InboundText>();
  const underWay = new Set<Promise<unknown>>();
  const weigh = createScale();

  /** `stop` waits for it. */
  async function tracked<T>(work: Promise<T>): Promise<T> {
    underWay.add(work);
    try {
      return await work;
    } finally {
      underWay.delete(work);
    }
  }

  async function send(message: OutgoingMessage): Promise<SendAnswer> {
    const body = requestBodyOf(message);
    const sent = await callGraph(access, { path: [settings.phone_number_id, "messages"], body, timeoutMs: SEND_TIMEOUT_MS });
    const answer = weigh(message.to, answerTo(sent));
    watch.heed(answer);
    return answer;
  }

  async function handOver(raw: Uint8Array): Promise<{ status: number }> {
    const read = readWebhook(raw, settings, clock.now());
    if (read.kind === "malformed") return { status: 400 };
    if (read.account.length > 0) watch.lookSoon();
    const heard = await Promise.all([receipts.tell(read.receipts), texts.tell(read.texts)]);
    return { status: heard.every(Boolean) ? 200 : 503 };
  }

  function health(): ProviderHealth {
    const { connection, facts } = watch.standing();
    // Every process may send: the Cloud API has no session that one of them would own.
    const own = { deviceId: settings.phone_number_id, standsBy: false };
    return { ...connection, ...facts, ...own, userName: facts.userName ?? channelId };
  }

  return {
    start: watch.start,
    async stop() {
      watch.stop();
      await Promise.allSettled(underWay);
    },
    health,
    async pair() {
      return {
        kind: "refused",
        reason: "A Cloud API number is not paired: Meta knows it by its phone_number_id and access_token.",
      };
    },
    async logOut() {
      return {
        kind: "refused",
        reason: "A Cloud API number has no session to log out of: delete the channel, or withdraw its access token at Meta.",
      };
    },
    // The Cloud API has no call for this: only sending shows it.
    async checkNumbers(phones) {
      return phones.map((phone) => ({ phone, registered: null }));
    },
    async send(message) {
      const { state, reason } = watch.standing().connection;
      if (state !== "open") return { kind: "session", state, reason: reason ?? "The channel is connecting" };
      return tracked(send(message));
    },
    onReceipts: receipts.listen,
    onTexts: texts.listen,
    async handleWebhook(raw, signature) {
      if (!isSigned(raw, signature, secrets.app_secret)) return { status: 401 };
      const { state } = watch.standing().connection;
      return state === "stopped" ? { status: 503 } : tracked(handOver(raw));
    },
  };
}

/** 131000, Meta's "something went wrong", is taken for the account's trouble when so many recipients in a row had it. */
const UNEXPLAINED = "131000";
const UNEXPLAINED_RECIPIENTS = 3;

/**
 * Decides whose trouble a 131000 is: one recipient's, whose message then comes to an end, or Meta's own, which must not end
 * anybody's.
 */
function createScale(): (to: string, answer: SendAnswer) => SendAnswer {
  const refused = new Set<string>();
  return (to, answer) => {
    if (answer.kind === "accepted") refused.clear();
    if (answer.kind !== "retryable" || answer.code !== UNEXPLAINED) return answer;
    if (refused.size < UNEXPLAINED_RECIPIENTS) refused.add(to);
    return refused.size < UNEXPLAINED_RECIPIENTS ? answer : { ...answer, scope: "account" };
  };
}
