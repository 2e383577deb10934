/** Owns what an approved WhatsApp template is, as Meta keeps it, and what a text of it reads like. */
import type { Instant } from "../instant.ts";

export type TemplateHeader = { format: "TEXT"; text: string } | { format: "IMAGE" | "DOCUMENT" | "VIDEO" | "LOCATION" };

/** A template of a Cloud API channel's business account, known since it was last looked up. */
export interface WhatsAppTemplate {
  channel_id: string;
  name: string;
  /** Such as `en_US`. */
  language: string;
  /** `MARKETING`, `UTILITY` or `AUTHENTICATION`. */
  category: string;
  /** Only `APPROVED` ones can be sent. */
  status: string;
  header: TemplateHeader | null;
  /** With `{{1}}`, `{{2}}`, or with names such as `{{first_name}}`. */
  body: string;
  footer: string | null;
  /** What its buttons say. */
  buttons: string[];
  synced_at: Instant;
}
