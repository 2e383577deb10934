/** Owns the verbs on WhatsApp's templates. */
import type { WhatsAppTemplate } from "@mini-crm/core/channel/template";
import type { TemplateStore } from "@mini-crm/core/ports/channel-store";
import type { WhatsAppTemplateDocument } from "./documents.ts";
import { channelLock, lock } from "./locks.ts";
import type { Tables } from "./tables.ts";

export async function replaceTemplates(tables: Tables, channelId: string, templates: readonly WhatsAppTemplate[]): Promise<void> {
  // Of two at once, one would not take away what the other adds.
  await lock(tables, channelLock(channelId));
  await tables.whatsapp_template.remove({ channel_id: channelId });
  const documents = templates.map((template) => templateDocument({ ...template, channel_id: channelId }));
  // The last of those that are called the same.
  await tables.whatsapp_template.insert([...new Map(documents.map((document) => [document._id, document])).values()]);
}

export async function changeTemplateStatus(
  tables: Tables,
  ...[channelId, name, language, status]: Parameters<TemplateStore["changeStatus"]>
): Promise<void> {
  await tables.whatsapp_template.update({ _id: templateId(channelId, name, language) }, { $set: { status } });
}

export async function templatesOf(tables: Tables, channelId: string): Promise<WhatsAppTemplate[]> {
  return (await tables.whatsapp_template.find({ channel_id: channelId }, { sort: { name: 1, language: 1 } })).map(templateOf);
}

export async function readTemplate(
  tables: Tables,
  ...[channelId, name, language]: Parameters<TemplateStore["read"]>
): Promise<WhatsAppTemplate | null> {
  const document = await tables.whatsapp_template.one({ _id: templateId(channelId, name, language) });
  return document === null ? null : templateOf(document);
}

export function templateDocument(template: WhatsAppTemplate): WhatsAppTemplateDocument {
  const { channel_id, name, language } = template;
  return { _id: templateId(channel_id, name, language), ...template };
}

function templateOf({ _id, ...template }: WhatsAppTemplateDocument): WhatsAppTemplate {
  return template;
}

function templateId(channelId: string, name: string, language: string): string {
  return `${channelId} ${name} ${language}`;
}
