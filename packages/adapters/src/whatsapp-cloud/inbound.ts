/** Owns what a webhook says of people: what they wrote, pressed and sent, and which messages they want no more. */
import type { Instant } from "@mini-crm/core/instant";
import type { JsonObject } from "@mini-crm/core/json";
import { parsePhone } from "@mini-crm/core/lead/phone";
import type { Wish } from "@mini-crm/core/lead/stop-words";
import type { InboundText } from "@mini-crm/core/ports/whatsapp-provider";
import { objectAt, objectsAt, textAt } from "./json-reading.ts";

/** What somebody wrote; null where `message` is nothing that a person says, or tells neither who wrote it nor what it is. */
export function textIn(message: JsonObject, contacts: readonly JsonObject[], receivedAt: Instant): InboundText | null {
  const providerId = textAt(message, "id");
  const text = wordsOf(message);
  const who = senderOf(textAt(message, "from"), textAt(message, "from_user_id"), contacts);
  if (providerId === null || text === null || who === null) return null;
  return { providerId, ...who, text, wish: null, at: momentOf(message, receivedAt) };
}

const PREFERENCES: Readonly<Record<string, Wish>> = { stop: "stop", resume: "start" };

/** What somebody set in WhatsApp's own controls. Meta gives that no identifier: what it says is one. */
export function preferenceIn(preference: JsonObject, contacts: readonly JsonObject[], receivedAt: Instant): InboundText | null {
  const value = textAt(preference, "value") ?? "";
  const wish = Object.hasOwn(PREFERENCES, value) ? PREFERENCES[value] : undefined;
  const who = senderOf(textAt(preference, "wa_id"), textAt(preference, "user_id"), contacts);
  if (wish === undefined || who === null) return null;
  const text = textAt(preference, "detail") ?? `User requested to ${value} marketing messages`;
  return {
    providerId: wishId(who, value, String(momentOf(preference, 0))),
    ...who,
    text,
    wish,
    at: momentOf(preference, receivedAt),
  };
}

/** 131050 tells that the recipient has stopped such messages, which they may have done long before anybody listened. */
export function stopIn(status: JsonObject, contacts: readonly JsonObject[], receivedAt: Instant): InboundText | null {
  const who = senderOf(textAt(status, "recipient_id"), textAt(status, "recipient_user_id"), contacts);
  if (who === null) return null;
  const text = "Has stopped marketing messages in WhatsApp";
  return {
    providerId: wishId(who, "131050", textAt(status, "id") ?? ""),
    ...who,
    text,
    wish: "stop",
    at: momentOf(status, receivedAt),
  };
}

function wishId({ from, userId }: Pick<InboundText, "from" | "userId">, what: string, which: string): string {
  return `wish:${from ?? userId}:${what}:${which}`;
}

/** Meta tells whole seconds. Where it tells none, what came still counts, from when it came. */
export function momentOf(object: JsonObject, receivedAt: Instant): Instant {
  const seconds = Number(object["timestamp"] ?? Number.NaN);
  return Number.isSafeInteger(seconds * 1000) && seconds > 0 ? seconds * 1000 : receivedAt;
}

/** Who that is; null where Meta tells neither a number nor a name of its own. */
function senderOf(
  waId: string | null,
  toldUserId: string | null,
  contacts: readonly JsonObject[],
): Pick<InboundText, "from" | "userId" | "name"> | null {
  const contact = contacts.find(
    ({ wa_id, user_id }) => (waId !== null && wa_id === waId) || (toldUserId !== null && user_id === toldUserId),
  );
  const from = phoneOf(waId ?? textAt(contact ?? null, "wa_id"));
  const userId = toldUserId ?? textAt(contact ?? null, "user_id");
  if (from === null && userId === null) return null;
  return { from, userId, name: textAt(contact === undefined ? null : objectAt(contact, "profile"), "name") };
}

/** Meta writes numbers without a plus. */
function phoneOf(waId: string | null): string | null {
  if (waId === null || !/^\+?\d+$/.test(waId)) return null;
  const read = parsePhone(waId.startsWith("+") ? waId : `+${waId}`);
  return read.ok ? read.phone : null;
}

/** What Meta reports in the form of a message, and nobody said. */
const NOT_SAID: readonly string[] = ["reaction", "system", "request_welcome"];

/** The words of a message; of anything else that came, what it is, so that nothing is lost. Null for what nobody said. */
function wordsOf(message: JsonObject): string | null {
  const type = textAt(message, "type");
  if (type === null || NOT_SAID.includes(type)) return null;
  const content = objectAt(message, type);
  switch (type) {
    case "text":
      return textAt(content, "body");
    case "button":
      return textAt(content, "text");
    case "interactive":
      return replyIn(content) ?? "[interactive]";
    case "location":
      return labelled(type, [textAt(content, "name"), textAt(content, "address")].filter((part) => part !== null).join(", "));
    case "contacts":
      return labelled(type, namesIn(message));
    default:
      return labelled(type, textAt(content, "caption") ?? textAt(content, "filename") ?? "");
  }
}

/** What the pressed button, or the chosen row of a list, says. */
function replyIn(interactive: JsonObject | null): string | null {
  if (interactive === null) return null;
  return textAt(objectAt(interactive, "button_reply"), "title") ?? textAt(objectAt(interactive, "list_reply"), "title");
}

function namesIn(message: JsonObject): string {
  const names = objectsAt(message, "contacts").map((contact) => textAt(objectAt(contact, "name"), "formatted_name"));
  return names.filter((name) => name !== null).join(", ");
}

function labelled(type: string, words: string): string {
  return `[${type}] ${words}`.trimEnd();
}
