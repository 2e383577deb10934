/** Owns how messages are exported: which columns a table has, and what a line of NDJSON holds. */
import type { FrozenVariant } from "@mini-crm/core/campaign/campaign";
import { variantName } from "@mini-crm/core/campaign/variant";
import type { NamedMessage } from "@mini-crm/core/ports/store";
import { BYTE_ORDER_MARK, csvLine } from "./csv.ts";
import { messageJson } from "./message.ts";
import { isoOrNull } from "./time.ts";

/** A way to write messages down one after the other. */
export interface ExportFormat {
  mediaType: string;
  /** What comes before the first message. */
  head: string;
  line(message: NamedMessage, variants: readonly FrozenVariant[]): string;
}

type Cell = (message: NamedMessage, variants: readonly FrozenVariant[]) => string | number | null;

const COLUMNS: Readonly<Record<string, Cell>> = {
  lead_id: ({ lead_id }) => lead_id,
  name: ({ name }) => name,
  phone: ({ phone }) => phone,
  status: ({ status }) => status,
  attempt: ({ attempt }) => attempt,
  code: ({ code }) => code,
  reason: ({ reason }) => reason,
  variant: ({ variant }, variants) => variantName(variants, variant),
  text: ({ text }) => text,
  provider_id: ({ provider_id }) => provider_id,
  created_at: ({ created_at }) => isoOrNull(created_at),
  due_at: ({ due_at }) => isoOrNull(due_at),
  sending_at: ({ sending_at }) => isoOrNull(sending_at),
  sent_at: ({ sent_at }) => isoOrNull(sent_at),
  delivered_at: ({ delivered_at }) => isoOrNull(delivered_at),
  read_at: ({ read_at }) => isoOrNull(read_at),
  settled_at: ({ settled_at }) => isoOrNull(settled_at),
  replied_at: ({ replied_at }) => isoOrNull(replied_at),
  opted_out_at: ({ opted_out_at }) => isoOrNull(opted_out_at),
};

const CELLS = Object.values(COLUMNS);

/** For people with a spreadsheet. */
export const CSV: ExportFormat = {
  mediaType: "text/csv; charset=utf-8; header=present",
  head: BYTE_ORDER_MARK + csvLine(Object.keys(COLUMNS)),
  line: (message, variants) => csvLine(CELLS.map((cell) => cell(message, variants))),
};

/** For programs: each line is a message as the API shows it, with the name of its lead. */
export const NDJSON: ExportFormat = {
  mediaType: "application/x-ndjson",
  head: "",
  line: (message, variants) => `${JSON.stringify({ ...messageJson(message, variants), name: message.name })}\n`,
};
