/** Owns which fields of a lead a template can read. */
import type { Lead } from "../lead/lead.ts";

export const TEMPLATE_FIELDS = [
  "name",
  "emails",
  "phones",
  "total_spend",
  "visits",
  "last_order_at",
  "external_id",
  "tags",
  "timezone",
  "metadata",
] as const satisfies readonly (keyof Lead)[];
export type TemplateField = (typeof TEMPLATE_FIELDS)[number];
