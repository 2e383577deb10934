/** Owns what `POST /{phone-number-id}/messages` may hold: reads it as Meta does, and names what is wrong. */
import { isE164 } from "@mini-crm/core/lead/phone";
import type { Media, Content as MessageContent } from "@mini-crm/core/message/content";
import type { Refusal } from "./graph-error.ts";
import { asList, asObject, asText, type Json } from "./json.ts";

/** What a message says, without the template that it may be made of. */
export type Content = Omit<MessageContent, "template">;

export type Read<T> = { ok: true; value: T } | { ok: false; refusal: Refusal };

export interface MessageRequest {
  /** As it was written, and in E.164. */
  input: string;
  to: string;
  /** `biz_opaque_callback_data`: comes back in every status. */
  opaque: string | null;
  content: { kind: "free"; free: Content } | { kind: "template"; template: Json };
}

const TYPES = ["text", "image", "document", "interactive", "template"];
const MAX_TEXT = 4_096;
const MAX_CAPTION = 1_024;
const MAX_OPAQUE = 512;
const MAX_BUTTONS = 3;
const MAX_BUTTON_TITLE = 20;
const MAX_BUTTON_ID = 256;

export function refuse(code: number, details: string): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: { code, details } };
}

const missing = (name: string) => refuse(131008, `Parameter '${name}' is mandatory`);
const invalid = (name: string, rule: string) => refuse(131009, `Parameter '${name}' ${rule}`);

export function readMessage(body: Json): Read<MessageRequest> {
  if (body["messaging_product"] !== "whatsapp") return refuse(100, "The parameter messaging_product is required: whatsapp");
  if (!["individual", undefined].includes(asText(body["recipient_type"]) ?? undefined)) {
    return refuse(100, "Param recipient_type must be individual");
  }
  const input = asText(body["to"]);
  if (input === null) return refuse(100, "The parameter to is required");
  const to = `+${input.replaceAll(/[^0-9]/g, "")}`;
  if (!isE164(to)) return invalid("to", "is not a phone number");
  const opaque = body["biz_opaque_callback_data"];
  if (opaque !== undefined && asText(opaque, MAX_OPAQUE) === null) {
    return refuse(100, `Param biz_opaque_callback_data must be a text of at most ${MAX_OPAQUE} characters`);
  }
  const content = readContent(body);
  return content.ok ? { ok: true, value: { input, to, opaque: asText(opaque), content: content.value } } : content;
}

function readContent(body: Json): Read<MessageRequest["content"]> {
  const type = body["type"] ?? "text";
  if (typeof type !== "string" || !TYPES.includes(type)) {
    return refuse(100, `Param type must be one of {${TYPES.join(", ")}}: this twin knows no others`);
  }
  const part = asObject(body[type]);
  if (part === null) return missing(type);
  if (type === "template") return { ok: true, value: { kind: "template", template: part } };
  const free = type === "text" ? readText(part) : type === "interactive" ? readInteractive(part) : readMedia(part, type);
  return free.ok ? { ok: true, value: { kind: "free", free: free.value } } : free;
}

function readText(text: Json): Read<Content> {
  const body = asText(text["body"]);
  if (body === null) return missing("text['body']");
  if (body.length > MAX_TEXT) return refuse(100, `Param text['body'] must be at most ${MAX_TEXT} characters long.`);
  return { ok: true, value: { text: body, media: null, buttons: [] } };
}

function readMedia(part: Json, type: string): Read<Content> {
  const media = mediaOf(part, type);
  if (!media.ok) return media;
  const caption = part["caption"] ?? "";
  if (typeof caption !== "string") return invalid(`${type}['caption']`, "must be a text");
  if (caption.length > MAX_CAPTION)
    return refuse(100, `Param ${type}['caption'] must be at most ${MAX_CAPTION} characters long.`);
  return { ok: true, value: { text: caption, media: media.value, buttons: [] } };
}

/** The picture or document that `part` points to: by a link, or by the identifier of what was uploaded before. */
export function mediaOf(part: Json, type: string): Read<Media> {
  const id = asText(part["id"]);
  const link = asText(part["link"]) ?? (id === null ? null : `media:${id}`);
  if (link === null) return missing(`${type}['link']`);
  if (id === null && !/^https?:\/\/[^\s/]+/.test(link)) return invalid(`${type}['link']`, "is not a web address");
  if (type !== "document") return { ok: true, value: { kind: "image", link, filename: null } };
  return { ok: true, value: { kind: "document", link, filename: asText(part["filename"]) } };
}

function readInteractive(interactive: Json): Read<Content> {
  if (interactive["type"] !== "button") return refuse(100, "Param interactive['type'] must be button: this twin knows no others");
  const text = asText(asObject(interactive["body"])?.["text"]);
  if (text === null) return missing("interactive['body']['text']");
  if (text.length > MAX_CAPTION)
    return refuse(100, `Param interactive['body']['text'] must be at most ${MAX_CAPTION} characters long.`);
  const buttons = readButtons(asList(asObject(interactive["action"])?.["buttons"]) ?? []);
  if (!buttons.ok) return buttons;
  const header = asObject(interactive["header"]);
  const type = header?.["type"];
  if (header === null || type === "text") return { ok: true, value: { text, media: null, buttons: buttons.value } };
  if (type !== "image" && type !== "document") return invalid("interactive['header']['type']", "must be text, image or document");
  const media = mediaOf(asObject(header[type]) ?? {}, type);
  return media.ok ? { ok: true, value: { text, media: media.value, buttons: buttons.value } } : media;
}

function readButtons(buttons: readonly unknown[]): Read<string[]> {
  const name = "interactive['action']['buttons']";
  if (buttons.length === 0) return missing(name);
  if (buttons.length > MAX_BUTTONS) return invalid(name, `holds at most ${MAX_BUTTONS}`);
  const titles: string[] = [];
  const ids = new Set<string>();
  for (const button of buttons) {
    const reply = asObject(asObject(button)?.["reply"]);
    const title = asText(reply?.["title"], MAX_BUTTON_TITLE);
    const id = asText(reply?.["id"], MAX_BUTTON_ID);
    if (title === null) return invalid(`${name}['reply']['title']`, `must have 1 to ${MAX_BUTTON_TITLE} characters`);
    if (id === null) return invalid(`${name}['reply']['id']`, `must have 1 to ${MAX_BUTTON_ID} characters`);
    titles.push(title);
    ids.add(id);
  }
  if (ids.size < buttons.length || new Set(titles).size < buttons.length) return invalid(name, "must differ from each other");
  return { ok: true, value: titles };
}
