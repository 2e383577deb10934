/** Owns WhatsApp's approved templates on SQLite, as they were last looked up. */
import type { WhatsAppTemplate } from "@mini-crm/core/channel/template";
import { type Connection, number, type Row, text, textOrNull } from "./connection.ts";

export function templateVerbs(connection: Connection) {
  return {
    replaceTemplates: (channelId: string, templates: readonly WhatsAppTemplate[]): void =>
      connection.transaction(() => {
        connection.run("DELETE FROM whatsapp_template WHERE channel_id = ?", channelId);
        for (const template of templates) insert(connection, channelId, template);
      }),

    changeTemplateStatus: (channelId: string, name: string, language: string, status: string): void => {
      connection.run(
        "UPDATE whatsapp_template SET status = ? WHERE channel_id = ? AND name = ? AND language = ?",
        status,
        channelId,
        name,
        language,
      );
    },

    templatesOfChannel: (channelId: string): WhatsAppTemplate[] =>
      connection.all("SELECT * FROM whatsapp_template WHERE channel_id = ? ORDER BY name, language", channelId).map(templateOf),

    readTemplate: (channelId: string, name: string, language: string): WhatsAppTemplate | null => {
      const row = connection.get(
        "SELECT * FROM whatsapp_template WHERE channel_id = ? AND name = ? AND language = ?",
        channelId,
        name,
        language,
      );
      return row === undefined ? null : templateOf(row);
    },
  };
}

function insert(connection: Connection, channelId: string, template: WhatsAppTemplate): void {
  const { name, language, category, status, header, body, footer, buttons, synced_at } = template;
  connection.run(
    `INSERT OR REPLACE INTO whatsapp_template
       (channel_id, name, language, category, status, header, body, footer, buttons, synced_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ...[channelId, name, language, category, status, header === null ? null : JSON.stringify(header)],
    ...[body, footer, JSON.stringify(buttons), synced_at],
  );
}

export function templateOf(row: Row): WhatsAppTemplate {
  const header = textOrNull(row, "header");
  return {
    channel_id: text(row, "channel_id"),
    name: text(row, "name"),
    language: text(row, "language"),
    category: text(row, "category"),
    status: text(row, "status"),
    header: header === null ? null : JSON.parse(header),
    body: text(row, "body"),
    footer: textOrNull(row, "footer"),
    buttons: JSON.parse(text(row, "buttons")),
    synced_at: number(row, "synced_at"),
  };
}
