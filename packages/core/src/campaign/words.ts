/** Owns what a campaign's message says to one recipient: its text, or the template where only that may be sent. */
import type { Instant } from "../instant.ts";
import type { Lead } from "../lead/lead.ts";
import type { Content, OutgoingTemplate } from "../message/content.ts";
import { type Rendered, render, templateOf } from "../template/template.ts";
import type { FrozenContent, FrozenRun, FrozenTemplate } from "./campaign.ts";
import { variantOf } from "./variant.ts";

/** What may be sent to somebody: anything, or only an approved template. */
export type Allowed = "anything" | "template";

/** What a message became. `outside_window`: only a template may be sent, and the campaign has none. */
export type Worded = { kind: "content"; content: Content } | Exclude<Rendered, { kind: "text" }> | { kind: "outside_window" };

/** What the message `messageId` says, and the index of its text, rendered for `lead` at `now`. */
export function wordsFor(
  { variants, content }: Pick<FrozenRun, "variants" | "content">,
  messageId: string,
  lead: Lead,
  now: Instant,
  allowed: Allowed = "anything",
): { variant: number; worded: Worded } {
  const variant = variantOf(variants, messageId);
  if (allowed === "template") return { variant, worded: templateFor(content, lead, now) };
  const rendered = render(templateOf(variants[variant]?.template ?? ""), lead, now);
  if (rendered.kind !== "text") return { variant, worded: rendered };
  const { media, buttons } = content;
  const worded: Worded = { kind: "content", content: { text: rendered.text, media, buttons, template: null } };
  return { variant, worded: media === null && buttons.length === 0 ? worded : unlessTooLong(worded) };
}

/** What WhatsApp takes under media, above buttons and as a template's text, in UTF-16 units; a text alone may have more. */
const MAX_BESIDES = 1_024;

/** WhatsApp would refuse it as if the whole campaign were wrong. */
function unlessTooLong(worded: Extract<Worded, { kind: "content" }>): Worded {
  const { length } = worded.content.text;
  if (length <= MAX_BESIDES) return worded;
  const what = worded.content.template === null ? "with media or buttons" : "in a template";
  return { kind: "failed", reason: `the message has ${length} characters; ${what} WhatsApp takes ${MAX_BESIDES}` };
}

function templateFor({ template, media }: FrozenContent, lead: Lead, now: Instant): Worded {
  if (template === null) return { kind: "outside_window" };
  const parameters: OutgoingTemplate["parameters"][number][] = [];
  for (const { name, value } of template.parameters) {
    const rendered = render(templateOf(value), lead, now);
    if (rendered.kind !== "text") return rendered;
    parameters.push({ name, text: inOneLine(rendered.text) });
  }
  const { name, language } = template;
  const outgoing = { name, language, parameters };
  const text = readsLike(template, parameters);
  return unlessTooLong({ kind: "content", content: { text, media, buttons: [], template: outgoing } });
}

/** Meta refuses parameters with line breaks, tabs or many spaces in a row. */
function inOneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** The places of parameters in the body of a template, each once, in their order: `1` or a name. */
export function placesIn(body: string): string[] {
  return [...new Set(Array.from(body.matchAll(PLACE), ([, place = ""]) => place))];
}

const PLACE = /\{\{\s*(\w+)\s*\}\}/g;

function readsLike({ body }: FrozenTemplate, parameters: OutgoingTemplate["parameters"]): string {
  const texts = new Map(parameters.map(({ name, text }, index) => [name ?? String(index + 1), text]));
  return body.replace(PLACE, (asWritten, place: string) => texts.get(place) ?? asWritten);
}
