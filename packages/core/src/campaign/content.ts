/** Owns whether a campaign's channel can send what it holds, and what of that a start freezes. */
import { abilitiesOf, type Channel } from "../channel/channel.ts";
import type { WhatsAppTemplate } from "../channel/template.ts";
import type { Store } from "../ports/store.ts";
import type { Campaign, FrozenContent } from "./campaign.ts";
import type { CampaignTemplate } from "./options.ts";
import { placesIn } from "./words.ts";

/** Reads what the campaign's start freezes besides its texts, or says in words why its channel cannot send it. */
export async function contentOf(
  { channels, templates }: Pick<Store, "channels" | "templates">,
  { channel_id, options }: Pick<Campaign, "channel_id" | "options">,
): Promise<{ ok: true; content: FrozenContent; channel: Channel } | { ok: false; reason: string }> {
  const channel = await channels.read(channel_id);
  if (channel === null) return { ok: false, reason: `Its channel ${channel_id} is not there any more: give it another one` };
  const { kind } = channel.settings;
  const able = abilitiesOf(kind);
  const { media, buttons, template } = options;
  if (buttons.length > 0 && !able.buttons) {
    return { ok: false, reason: `Messages over the channel ${channel_id} cannot have buttons: leave \`buttons\` out` };
  }
  if (template === null) return { ok: true, content: { media, buttons, template: null }, channel };
  if (!able.templates) {
    return {
      ok: false,
      reason: `The channel ${channel_id} knows no templates: leave \`template\` out, or use a Cloud API channel`,
    };
  }
  const known = await templates.read(channel_id, template.name, template.language);
  const reason = templateProblem(template, known, options);
  if (known === null || reason !== null) return { ok: false, reason: reason ?? "" };
  return { ok: true, content: { media, buttons, template: { ...template, body: known.body } }, channel };
}

/** Why a template cannot be sent as the campaign has it; null where it can. */
function templateProblem(
  { name, language, parameters }: CampaignTemplate,
  known: WhatsAppTemplate | null,
  { media }: Pick<Campaign["options"], "media">,
): string | null {
  const called = `The template ${name} (${language})`;
  if (known === null)
    return `${called} is not known: see that it is in Meta's business account, and sync the channel's templates`;
  if (known.status !== "APPROVED") {
    return `${called} is ${known.status}, and only approved ones are sent: wait for Meta's approval, or choose another one`;
  }
  if (known.category === "AUTHENTICATION") return `${called} is for one-time codes, which no campaign sends: choose another one`;
  const places = placesIn(known.body);
  const given = parameters.map((parameter, index) => parameter.name ?? String(index + 1));
  if (places.length !== given.length || places.some((place) => !given.includes(place))) {
    return `${called} has the parameters ${list(places)}, and the campaign gives ${list(given)}`;
  }
  return headerProblem(called, known, media);
}

function headerProblem(called: string, { header }: WhatsAppTemplate, media: Campaign["options"]["media"]): string | null {
  if (header?.format === "TEXT" && placesIn(header.text).length > 0) {
    return `${called} has a parameter in its header, which cannot be filled from here: choose another one`;
  }
  const wanted = header === null || header.format === "TEXT" ? null : header.format;
  if (wanted === null && media !== null) return `${called} has no media in its header: leave \`media\` out`;
  if (wanted === null) return null;
  if (wanted !== "IMAGE" && wanted !== "DOCUMENT")
    return `${called} has a header of the kind ${wanted}, which cannot be sent from here`;
  return media?.kind.toUpperCase() === wanted
    ? null
    : `${called} begins with ${wanted === "IMAGE" ? "an image" : "a document"}: give it as \`media\``;
}

function list(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.map((name) => `{{${name}}}`).join(", ");
}
