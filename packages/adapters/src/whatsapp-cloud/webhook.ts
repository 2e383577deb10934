/** Owns how a webhook of the Cloud API is verified, and what it says. Pure: any process may read one. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { CloudSettings } from "@mini-crm/core/channel/channel";
import type { Instant } from "@mini-crm/core/instant";
import { isJsonObject, type JsonObject, type JsonValue } from "@mini-crm/core/json";
import type { ReceiptStatus } from "@mini-crm/core/message/message";
import type { InboundText, Receipt } from "@mini-crm/core/ports/whatsapp-provider";
import { momentOf, preferenceIn, stopIn, textIn } from "./inbound.ts";
import { jsonIn, objectAt, objectsAt, textAt } from "./json-reading.ts";

/** What Meta says of one of the business account's templates. */
export interface TemplateNews {
  name: string;
  language: string;
  status: string;
}

export interface WebhookContent {
  receipts: Receipt[];
  texts: InboundText[];
  templates: TemplateNews[];
  /** What Meta says of the account or the number, in words. */
  account: { reason: string }[];
  /** How many things it says that mean nothing here: other numbers' news, reactions, messages that others sent. */
  ignored: number;
}

/** `malformed`: no webhook of the Cloud API; `reason` says in words what it lacks. */
export type WebhookRead = ({ kind: "read" } & WebhookContent) | { kind: "malformed"; reason: string };

/** Returns what to answer to Meta's GET, which verifies that the address is the channel's; null where it must be refused. */
export function verifyChallenge(query: Readonly<Record<string, unknown>>, verifyToken: string): string | null {
  const { "hub.mode": mode, "hub.verify_token": token, "hub.challenge": challenge } = query;
  if (mode !== "subscribe" || typeof token !== "string" || typeof challenge !== "string" || verifyToken === "") return null;
  // Whatever is echoed to a stranger's browser must mean nothing there.
  if (!/^[\w.~-]{1,200}$/.test(challenge)) return null;
  return timingSafeEqual(digestOf(token), digestOf(verifyToken)) ? challenge : null;
}

/** Tells whether Meta signed just these bytes; `header` is `X-Hub-Signature-256`. */
export function isSigned(raw: Uint8Array, header: string | null, appSecret: string): boolean {
  const signature = /^sha256=([0-9a-f]{64})$/i.exec(header ?? "")?.[1];
  // With an empty secret anybody could sign.
  if (signature === undefined || appSecret === "") return false;
  return timingSafeEqual(createHmac("sha256", appSecret).update(raw).digest(), Buffer.from(signature, "hex"));
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Reads all that a webhook says of the number `of`, and of the account that it belongs to. Never throws. */
export function readWebhook(
  raw: Uint8Array,
  of: Pick<CloudSettings, "phone_number_id" | "business_account_id">,
  receivedAt: Instant,
): WebhookRead {
  const body: JsonValue | undefined = jsonIn(raw);
  if (body === undefined) return { kind: "malformed", reason: "The body is not JSON in UTF-8." };
  if (!isJsonObject(body) || !Array.isArray(body["entry"])) {
    return { kind: "malformed", reason: "The body has no list `entry`, as every webhook of the Cloud API has." };
  }
  const content: WebhookContent = { receipts: [], texts: [], templates: [], account: [], ignored: 0 };
  for (const entry of objectsAt(body, "entry")) {
    const isOwnAccount = textAt(entry, "id") === of.business_account_id;
    for (const change of objectsAt(entry, "changes")) {
      const value = objectAt(change, "value");
      const isOwnNumber = value !== null && textAt(objectAt(value, "metadata"), "phone_number_id") === of.phone_number_id;
      if (isOwnNumber) readNumbersChange(value, content, receivedAt);
      else if (isOwnAccount && value !== null) readAccountsChange(textAt(change, "field") ?? "", value, content);
      else content.ignored += 1;
    }
  }
  return { kind: "read", ...content };
}

function readNumbersChange(value: JsonObject, content: WebhookContent, receivedAt: Instant): void {
  const contacts = objectsAt(value, "contacts");
  const keep = <T>(item: T | null, into: T[]) => {
    if (item === null) content.ignored += 1;
    else into.push(item);
  };
  for (const status of objectsAt(value, "statuses")) {
    keep(receiptIn(status, receivedAt), content.receipts);
    if (codeIn(status) === STOPPED) keep(stopIn(status, contacts, receivedAt), content.texts);
  }
  for (const message of objectsAt(value, "messages")) keep(textIn(message, contacts, receivedAt), content.texts);
  for (const wish of objectsAt(value, "user_preferences")) keep(preferenceIn(wish, contacts, receivedAt), content.texts);
}

const STATUSES: Readonly<Record<string, ReceiptStatus>> = {
  sent: "SENT",
  delivered: "DELIVERED",
  read: "READ",
  failed: "FAILED",
};

/** The recipient has stopped marketing messages. */
const STOPPED = "131050";

/** Our own identifiers are of this shape; whatever else is sent over the number is not ours. */
const OWN_ID = /^[\w.:-]{1,128}$/;

function receiptIn(status: JsonObject, receivedAt: Instant): Receipt | null {
  const messageId = textAt(status, "biz_opaque_callback_data") ?? "";
  const name = textAt(status, "status") ?? "";
  const said = Object.hasOwn(STATUSES, name) ? STATUSES[name] : undefined;
  if (said === undefined || !OWN_ID.test(messageId)) return null;
  const receipt = { messageId, status: said, at: momentOf(status, receivedAt) };
  if (said !== "FAILED") return { ...receipt, code: null, reason: null };
  const [error = {}] = objectsAt(status, "errors");
  const reason = textAt(error, "title") ?? textAt(error, "message") ?? "WhatsApp did not say why";
  return { ...receipt, code: codeIn(status), reason };
}

function codeIn(status: JsonObject): string | null {
  const code = objectsAt(status, "errors")[0]?.["code"];
  return typeof code === "number" || typeof code === "string" ? String(code) : null;
}

/** What is told of the account as a whole, and is worth another look at how things stand. */
const ACCOUNT_FIELDS: Readonly<Record<string, string>> = {
  account_update: "the account",
  account_alerts: "the account",
  account_review_update: "the account's review",
  business_capability_update: "what the business may do",
  phone_number_quality_update: "the number's quality",
  phone_number_name_update: "the number's name",
};

function readAccountsChange(field: string, value: JsonObject, content: WebhookContent): void {
  const name = textAt(value, "message_template_name");
  const language = textAt(value, "message_template_language");
  const status = textAt(value, "event");
  if (field === "message_template_status_update" && name !== null && language !== null && status !== null) {
    content.templates.push({ name, language, status });
    return;
  }
  if (!Object.hasOwn(ACCOUNT_FIELDS, field)) {
    content.ignored += 1;
    return;
  }
  content.account.push({ reason: `Meta has news of ${ACCOUNT_FIELDS[field]}: ${newsIn(value)}` });
}

/** The event, and why or how, where Meta says that. */
function newsIn(value: JsonObject): string {
  const words = [
    textAt(value, "event") ?? textAt(value, "decision") ?? textAt(objectAt(value, "alert_info") ?? value, "alert_type"),
    textAt(objectAt(value, "violation_info"), "violation_type"),
    textAt(objectAt(value, "ban_info"), "waba_ban_state"),
    textAt(value, "current_limit") ?? textAt(value, "max_daily_conversations_per_business"),
    textAt(value, "rejection_reason"),
  ];
  return words.filter((word) => word !== null && word !== "NONE").join(", ") || "it does not say what";
}
