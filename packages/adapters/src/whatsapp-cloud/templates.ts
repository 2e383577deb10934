/** Owns the reading of a business account's templates from Meta. */
import type { CloudSecrets, CloudSettings } from "@mini-crm/core/channel/channel";
import type { TemplateHeader, WhatsAppTemplate } from "@mini-crm/core/channel/template";
import type { Instant } from "@mini-crm/core/instant";
import type { JsonObject } from "@mini-crm/core/json";
import type { Clock } from "@mini-crm/core/ports/clock";
import { refusalOf } from "./errors.ts";
import { callGraph, graphAccess } from "./graph.ts";
import { objectAt, objectsAt, textAt } from "./json-reading.ts";

/** `failed`: nothing is known anew; `reason` says in words why. */
export type TemplatesRead = { kind: "read"; templates: WhatsAppTemplate[] } | { kind: "failed"; reason: string };

const TEMPLATES_PER_PAGE = 100;
/** More templates than Meta lets any account have. */
const MAX_PAGES = 100;
const PAGE_TIMEOUT_MS = 20_000;

/** Reads all templates of the channel's business account, whatever their status. Never rejects. */
export async function fetchTemplates(request: {
  channelId: string;
  settings: CloudSettings;
  secrets: Pick<CloudSecrets, "access_token">;
  clock: Pick<Clock, "now" | "schedule">;
}): Promise<TemplatesRead> {
  const { channelId, settings, secrets, clock } = request;
  const access = graphAccess({ settings, accessToken: secrets.access_token, clock });
  const path = [settings.business_account_id, "message_templates"];
  const about = { fields: "name,language,status,category,components", limit: String(TEMPLATES_PER_PAGE) };
  const found: WhatsAppTemplate[] = [];
  let after: string | null = null;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query: Record<string, string> = after === null ? about : { ...about, after };
    const answer = await callGraph(access, { path, query, timeoutMs: PAGE_TIMEOUT_MS });
    if (answer.kind !== "answered")
      return { kind: "failed", reason: `The templates could not be read. ${refusalOf(answer).reason}` };
    if (!Array.isArray(answer.body["data"])) return { kind: "failed", reason: "Meta answered without a list of templates." };
    for (const template of objectsAt(answer.body, "data")) found.push(...templatesIn(template, channelId, clock.now()));
    after = nextPage(answer.body);
    if (after === null) return { kind: "read", templates: found };
  }
  return { kind: "failed", reason: `The account has more than ${MAX_PAGES * TEMPLATES_PER_PAGE} templates.` };
}

/** Where the next page begins; null after the last one, which has a cursor as well. */
function nextPage(body: JsonObject): string | null {
  const paging = objectAt(body, "paging");
  if (paging === null || textAt(paging, "next") === null) return null;
  return textAt(objectAt(paging, "cursors"), "after");
}

/** None where it lacks what every template has. */
function templatesIn(template: JsonObject, channelId: string, now: Instant): WhatsAppTemplate[] {
  const name = textAt(template, "name");
  const language = textAt(template, "language");
  const status = textAt(template, "status");
  if (name === null || language === null || status === null) return [];
  const components = objectsAt(template, "components");
  const part = (type: string) => components.find((component) => component["type"] === type) ?? null;
  const header = part("HEADER");
  const buttons = objectsAt(part("BUTTONS") ?? {}, "buttons").map((button) => textAt(button, "text"));
  return [
    {
      channel_id: channelId,
      name,
      language,
      category: textAt(template, "category") ?? "",
      status,
      header: header === null ? null : headerOf(header),
      body: textAt(part("BODY"), "text") ?? "",
      footer: textAt(part("FOOTER"), "text"),
      buttons: buttons.filter((text) => text !== null),
      synced_at: now,
    },
  ];
}

function headerOf(header: JsonObject): TemplateHeader | null {
  const format = header["format"];
  switch (format) {
    case "TEXT":
      return { format, text: textAt(header, "text") ?? "" };
    case "IMAGE":
    case "DOCUMENT":
    case "VIDEO":
    case "LOCATION":
      return { format };
    default:
      return null;
  }
}
