/** Owns the templates of the twin's business accounts: which there are, how they are listed, and what a message of one says. */
import { isDeepStrictEqual } from "node:util";
import type { OutgoingTemplate } from "@mini-crm/core/message/content";
import { asList, asObject, asText, type Json } from "./json.ts";
import { type Content, mediaOf, type Read, refuse } from "./message-request.ts";

export interface TwinTemplate {
  name: string;
  /** Such as `en_US`. */
  language: string;
  category: "MARKETING" | "UTILITY" | "AUTHENTICATION";
  /** `APPROVED` by default. */
  status?: string;
  /** As Meta writes them: `{ type: "BODY", text: "Hi {{1}}" }`, `{ type: "HEADER", format: "IMAGE" }`, ... */
  components: readonly Record<string, unknown>[];
  /** Null, the default: all business accounts have it. */
  businessAccountId?: string | null;
}

export type StoredTemplate = Required<TwinTemplate> & { id: string };

export interface Templates {
  /** Replaces the one of the same name and language. */
  put(template: TwinTemplate): StoredTemplate;
  find(businessAccountId: string, name: string, language: string): StoredTemplate | null;
  ofAccount(businessAccountId: string): StoredTemplate[];
  list(): StoredTemplate[];
}

const FIRST_ID = 1_600_000_000_000_000;

export function createTemplates(): Templates {
  const templates: StoredTemplate[] = [];
  let made = 0;

  const ofAccount = (businessAccountId: string) =>
    templates.filter((one) => one.businessAccountId === null || one.businessAccountId === businessAccountId);

  return {
    put(template) {
      made += 1;
      const { businessAccountId = null, status = "APPROVED" } = template;
      const stored = { ...template, businessAccountId, status, id: String(FIRST_ID + made) };
      const isSame = (one: StoredTemplate) => isDeepStrictEqual(keyOf(one), keyOf(stored));
      const index = templates.findIndex(isSame);
      templates.splice(index === -1 ? templates.length : index, 1, stored);
      return stored;
    },
    find: (businessAccountId, name, language) =>
      ofAccount(businessAccountId).find((one) => one.name === name && one.language === language) ?? null,
    ofAccount,
    list: () => [...templates],
  };
}

function keyOf({ businessAccountId, name, language }: StoredTemplate) {
  return [businessAccountId, name, language];
}

/** The values that a text asks for: their names, or their numbers. */
function placeholdersIn(text: string): string[] {
  return [...new Set([...text.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map(([, name = ""]) => name))];
}

function isNamed(placeholders: readonly string[]): boolean {
  return placeholders.some((name) => !/^\d+$/.test(name));
}

function componentOf({ components }: StoredTemplate, type: string): Json | null {
  return components.find((component) => String(component["type"]).toUpperCase() === type) ?? null;
}

/** A template as Meta lists it. */
export function templateJson(template: StoredTemplate): Json {
  const { id, name, language, status, category, components } = template;
  const placeholders = placeholdersIn(asText(componentOf(template, "BODY")?.["text"]) ?? "");
  return { id, name, language, status, category, parameter_format: isNamed(placeholders) ? "NAMED" : "POSITIONAL", components };
}

const MAX_BODY = 1_024;
const MAX_PARAMETER = 1_024;

/** What a message says that is sent by `request`, the part `template` of its body; refused where the two do not fit together. */
export function hydrate(
  templates: Templates,
  businessAccountId: string,
  request: Json,
): Read<{ content: Content; outgoing: OutgoingTemplate; category: string }> {
  const name = asText(request["name"]);
  const language = asText(asObject(request["language"])?.["code"]);
  if (name === null) return refuse(131008, "Parameter 'template['name']' is mandatory");
  if (language === null) return refuse(131008, "Parameter 'template['language']['code']' is mandatory");
  const template = templates.find(businessAccountId, name, language);
  if (template?.status === "PAUSED") return refuse(132015, `template (${name}) is paused`);
  if (template?.status === "DISABLED") return refuse(132016, `template (${name}) is disabled`);
  if (template?.status !== "APPROVED") return refuse(132001, `template name (${name}) does not exist in ${language}`);

  const sent = (asList(request["components"]) ?? []).map((component) => asObject(component) ?? {});
  const parametersOf = (type: string) =>
    sent.find((component) => String(component["type"]).toLowerCase() === type)?.["parameters"];
  const header = readHeader(componentOf(template, "HEADER"), asList(parametersOf("header")) ?? []);
  if (!header.ok) return header;
  const buttons = readButtons(componentOf(template, "BUTTONS"), sent);
  if (!buttons.ok) return buttons;
  const body = fill("body", asText(componentOf(template, "BODY")?.["text"]) ?? "", asList(parametersOf("body")) ?? []);
  if (!body.ok) return body;
  const { text, parameters } = body.value;
  if (text.length > MAX_BODY) return refuse(132005, `body: the text has more than ${MAX_BODY} characters`);
  const content = { text, media: header.value, buttons: buttons.value };
  return { ok: true, value: { content, outgoing: { name, language, parameters }, category: template.category } };
}

function readHeader(header: Json | null, parameters: readonly unknown[]): Read<Content["media"]> {
  const format = asText(header?.["format"]) ?? "TEXT";
  if (format === "TEXT") {
    const filled = fill("header", asText(header?.["text"]) ?? "", parameters);
    return filled.ok ? { ok: true, value: null } : filled;
  }
  const parameter = asObject(parameters[0]) ?? {};
  const type = format.toLowerCase();
  if (parameter["type"] !== type) {
    const received = asText(parameter["type"])?.toUpperCase() ?? "UNKNOWN";
    return refuse(132012, `header: Format mismatch, expected ${format}, received ${received}`);
  }
  if (type !== "image" && type !== "document") return { ok: true, value: null };
  return mediaOf(asObject(parameter[type]) ?? {}, type);
}

/** What the buttons say. Those that open an address with a placeholder need their value. */
function readButtons(component: Json | null, sent: readonly Json[]): Read<string[]> {
  const buttons = (asList(component?.["buttons"]) ?? []).map((button) => asObject(button) ?? {});
  for (const [index, button] of buttons.entries()) {
    const isGiven = sent.some(({ type, index: at }) => String(type).toLowerCase() === "button" && String(at) === String(index));
    if (!isGiven && placeholdersIn(asText(button["url"]) ?? "").length > 0) {
      return refuse(131008, `buttons: Button at index ${index} of type Url requires a parameter`);
    }
  }
  return { ok: true, value: buttons.map((button) => asText(button["text"]) ?? "") };
}

function fill(
  part: string,
  text: string,
  given: readonly unknown[],
): Read<{ text: string; parameters: OutgoingTemplate["parameters"] }> {
  const placeholders = placeholdersIn(text);
  if (given.length !== placeholders.length) {
    const numbers = `number of localizable_params (${given.length}) does not match the expected number of params`;
    return refuse(132000, `${part}: ${numbers} (${placeholders.length})`);
  }
  const values = new Map<string, string>();
  const parameters: { name: string | null; text: string }[] = [];
  for (const [index, one] of given.entries()) {
    const parameter = asObject(one) ?? {};
    const name = isNamed(placeholders) ? (asText(parameter["parameter_name"]) ?? "") : String(index + 1);
    const value = readValue(part, parameter);
    if (!value.ok) return value;
    if (!placeholders.includes(name)) return refuse(100, `${part}: Parameter name is missing, or the template has none such`);
    values.set(name, value.value);
    parameters.push({ name: isNamed(placeholders) ? name : null, text: value.value });
  }
  return { ok: true, value: { text: text.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => values.get(name) ?? ""), parameters } };
}

function readValue(part: string, parameter: Json): Read<string> {
  if (parameter["type"] !== "text") {
    return refuse(132012, `${part}: Format mismatch, expected TEXT, received ${String(parameter["type"]).toUpperCase()}`);
  }
  const value = asText(parameter["text"]);
  if (value === null) return refuse(131008, `${part}: Parameter of type text is missing text value`);
  if (value.length > MAX_PARAMETER) return refuse(132005, `${part}: a value has more than ${MAX_PARAMETER} characters`);
  if (/[\n\r\t]| {5}/.test(value)) {
    return refuse(132018, `${part}: Param text cannot have new-line/tab characters or more than 4 consecutive spaces`);
  }
  return { ok: true, value };
}

/** A page of templates as Meta gives it. `url`: of the first page, to which the cursor is added. */
export function templatePage(all: readonly StoredTemplate[], query: URLSearchParams, url: string): Read<Json> {
  const wanted = all.filter((one) =>
    (["name", "language", "status", "category"] as const).every((field) => (query.get(field) ?? one[field]) === one[field]),
  );
  const limit = Number(query.get("limit") ?? 25);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) return refuse(100, "Param limit must be a number from 1 to 1000");
  const after = query.get("after");
  const from = after === null ? 0 : offsetOf(after);
  if (from === null) return refuse(100, "Param after is no cursor of this list");
  const page = wanted.slice(from, from + limit);
  if (page.length === 0) return { ok: true, value: { data: [] } };
  const cursors = { before: cursorAt(from), after: cursorAt(from + page.length) };
  const hasMore = from + page.length < wanted.length;
  const next = `${url}?${new URLSearchParams([...[...query].filter(([key]) => key !== "after"), ["after", cursors.after]])}`;
  return { ok: true, value: { data: page.map(templateJson), paging: { cursors, ...(hasMore ? { next } : {}) } } };
}

function cursorAt(offset: number): string {
  return Buffer.from(`at ${offset}`).toString("base64url");
}

function offsetOf(cursor: string): number | null {
  const [, offset] = /^at (\d+)$/.exec(Buffer.from(cursor, "base64url").toString()) ?? [];
  return offset === undefined ? null : Number(offset);
}
