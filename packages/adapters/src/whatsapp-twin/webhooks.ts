/** Owns the webhooks of the twin: what they say, in Meta's words, and how they are signed and posted. */
import { createHmac } from "node:crypto";
import { drawOf, hashOf } from "@mini-crm/core/chance";
import type { Instant } from "@mini-crm/core/instant";
import type { InboundText, Receipt } from "@mini-crm/core/ports/whatsapp-provider";
import { statusError } from "./graph-error.ts";
import type { TwinNumber } from "./number.ts";
import { type StoredTemplate } from "./templates.ts";

/** After so long without an answer a webhook counts as not taken. */
const TIMEOUT_MS = 10_000;

/** A number as WhatsApp writes it: its digits. */
export function waIdOf(phone: string): string {
  return phone.slice(1);
}

/** WhatsApp's own name for somebody towards this business. */
export function userIdOf(businessAccountId: string, phone: string): string {
  const hash = hashOf(1, `${businessAccountId} ${phone}`);
  return `ZZ.${Math.floor(drawOf(hash, 0) * 1e8)}${String(Math.floor(drawOf(hash, 1) * 1e8)).padStart(8, "0")}`;
}

/** A message's identifier at WhatsApp: the same for the same message, because that is drawn from its identifier alone. */
export function wamidOf(phone: string, providerId: string): string {
  return `wamid.${Buffer.from(`\u001d${waIdOf(phone)}\u0015${providerId}`).toString("base64")}`;
}

function seconds(at: Instant): string {
  return String(Math.floor(at / 1_000));
}

/** What is known of a message that statuses are told of. `opaque` is null where its sender gave it no data of its own. */
export interface Told {
  to: string;
  providerId: string;
  opaque: string | null;
}

function statusJson({ businessAccountId }: TwinNumber, { status, at, code }: Receipt, { to, providerId, opaque }: Told) {
  return {
    id: wamidOf(to, providerId),
    status: status.toLowerCase(),
    timestamp: seconds(at),
    recipient_id: waIdOf(to),
    recipient_user_id: userIdOf(businessAccountId, to),
    ...(opaque === null ? {} : { biz_opaque_callback_data: opaque }),
    ...(code === null ? {} : { errors: [statusError(Number(code))] }),
  };
}

/** The webhook that tells these receipts; those of messages that nobody knows are left out. */
export function statusesBody(number: TwinNumber, receipts: readonly Receipt[], told: ReadonlyMap<string, Told>): unknown {
  const statuses = receipts.flatMap((receipt) => {
    const message = told.get(receipt.messageId);
    return message === undefined ? [] : [statusJson(number, receipt, message)];
  });
  return bodyOf(number, [{ field: "messages", value: { ...valueOf(number), statuses } }]);
}

/** The webhook that tells these texts, and what their senders asked for by WhatsApp's own setting. */
export function textsBody(number: TwinNumber, texts: readonly InboundText[]): unknown {
  const written = texts.filter(({ wish }) => wish === null);
  const asked = texts.filter(({ wish }) => wish !== null);
  return bodyOf(number, [
    ...(written.length === 0 ? [] : [{ field: "messages", value: messagesValue(number, written) }]),
    ...(asked.length === 0 ? [] : [{ field: "user_preferences", value: preferencesValue(number, asked) }]),
  ]);
}

function messagesValue(number: TwinNumber, texts: readonly InboundText[]) {
  const messages = texts.map(({ providerId, from, userId, text, at }) => ({
    ...(from === null ? {} : { from: waIdOf(from) }),
    from_user_id: userId,
    id: `wamid.${Buffer.from(providerId).toString("base64")}`,
    timestamp: seconds(at),
    type: "text",
    text: { body: text },
  }));
  return { ...valueOf(number), contacts: contactsOf(texts), messages };
}

function preferencesValue(number: TwinNumber, texts: readonly InboundText[]) {
  const user_preferences = texts.map(({ from, userId, wish, at }) => {
    const value = wish === "stop" ? "stop" : "resume";
    return {
      ...(from === null ? {} : { wa_id: waIdOf(from) }),
      user_id: userId,
      detail: `User requested to ${value} marketing messages`,
      category: "marketing_messages",
      value,
      timestamp: Number(seconds(at)),
    };
  });
  return { ...valueOf(number), contacts: contactsOf(texts), user_preferences };
}

/** One for each sender, however much they wrote. */
function contactsOf(texts: readonly InboundText[]) {
  const senders = new Map(texts.map((text) => [text.userId, text]));
  return [...senders.values()].map(({ from, userId, name }) => ({
    ...(name === null ? {} : { profile: { name } }),
    ...(from === null ? {} : { wa_id: waIdOf(from) }),
    user_id: userId,
  }));
}

/** The webhook that tells a template's new status. */
export function templateBody(businessAccountId: string, template: StoredTemplate, at: Instant): unknown {
  const value = {
    event: template.status,
    message_template_id: Number(template.id),
    message_template_name: template.name,
    message_template_language: template.language,
    message_template_category: template.category,
    reason: "NONE",
  };
  const changes = [{ field: "message_template_status_update", value }];
  return { object: "whatsapp_business_account", entry: [{ id: businessAccountId, time: Math.floor(at / 1_000), changes }] };
}

function valueOf({ displayPhoneNumber, phoneNumberId }: TwinNumber) {
  const metadata = { display_phone_number: displayPhoneNumber.replaceAll(/[^0-9]/g, ""), phone_number_id: phoneNumberId };
  return { messaging_product: "whatsapp", metadata };
}

function bodyOf({ businessAccountId }: TwinNumber, changes: readonly unknown[]): unknown {
  return { object: "whatsapp_business_account", entry: [{ id: businessAccountId, changes }] };
}

/** Posts a webhook, signed over its very bytes; rejects unless it is answered by 200. */
export async function postWebhook(url: string, appSecret: string, body: unknown, signal: AbortSignal): Promise<void> {
  const raw = JSON.stringify(body);
  const signature = createHmac("sha256", appSecret).update(raw).digest("hex");
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-hub-signature-256": `sha256=${signature}`,
      "user-agent": "facebookexternalua",
    },
    body: raw,
    redirect: "manual",
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
  });
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`The webhook was answered by ${response.status}`);
}

/** Asks a webhook to say `challenge` to whoever knows the verify token. */
export async function verifyWebhook(
  { webhookUrl, verifyToken }: TwinNumber,
  challenge: string,
): Promise<{ ok: true } | { ok: false; reason: string }> {
  if (webhookUrl === null) return { ok: false, reason: "The number has no webhook" };
  const url = new URL(webhookUrl);
  url.searchParams.set("hub.mode", "subscribe");
  url.searchParams.set("hub.challenge", challenge);
  url.searchParams.set("hub.verify_token", verifyToken);
  try {
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
    const said = await response.text();
    if (response.status === 200 && said === challenge) return { ok: true };
    return {
      ok: false,
      reason: `The webhook was asked for the challenge, and answered ${response.status}: ${said.slice(0, 200)}`,
    };
  } catch (error) {
    return { ok: false, reason: `The webhook cannot be reached: ${error instanceof Error ? error.message : String(error)}` };
  }
}
