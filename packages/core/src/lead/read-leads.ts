/** Owns how leads come in by the thousand: the bytes of a bulk body, and the bytes in which good leads go on to the store. */
import { isJsonObject } from "../json.ts";
import type { Problem } from "../problem.ts";
import { encodeLeads } from "./encoded-leads.ts";
import { readLead } from "./intake.ts";
import type { LeadInput } from "./lead.ts";
import type { Country } from "./phone.ts";

export const MAX_LEADS_PER_BODY = 10_000;

/** A row that is not taken, by its place in the body's `leads`, with all that is wrong with it. */
export interface RejectedLead {
  index: number;
  problems: Problem[];
}

export type LeadsRead =
  /** Every row of the body is in one of the two lists, in the body's order. */
  | { kind: "read"; leads: LeadInput[]; rejected: RejectedLead[] }
  /** Nothing can be taken from the body. */
  | { kind: "refused"; problem: Problem };

/**
 * Reads the body `{"leads": [...]}`, UTF-8 bytes. Good rows are read although others are rejected: see `readLead`. Takes some
 * 5 µs a lead, in one piece, so it belongs on a thread that nobody waits on.
 */
export function readLeads(body: Uint8Array, defaultCountry?: Country): LeadsRead {
  const text = textOf(body);
  if (text === null) return refused("", "encoding", "The body is not UTF-8: save it in that encoding.");
  const parsed = parseJson(text);
  if (!parsed.ok) return refused("", "json", `The body is not valid JSON: ${parsed.reason}.`);
  if (!isJsonObject(parsed.value)) return refused("", "type", 'The body must be an object: {"leads": [...]}.');
  const rows: unknown = parsed.value["leads"];
  if (rows === undefined) return refused("leads", "required", 'The body has no `leads`: send {"leads": [...]}.');
  if (!Array.isArray(rows)) return refused("leads", "type", '`leads` must be a list of leads: send {"leads": [...]}.');
  if (rows.length === 0) return refused("leads", "min_items", "`leads` is empty: send at least one lead.");
  if (rows.length > MAX_LEADS_PER_BODY) {
    return refused("leads", "max_items", `\`leads\` has ${rows.length} leads: send at most ${MAX_LEADS_PER_BODY} at once.`);
  }
  return readRows(rows, defaultCountry);
}

/** As `LeadsRead`, with the good leads encoded, and how many they are. */
export type EncodedLeads =
  | { kind: "read"; accepted: number; encoded: Uint8Array<ArrayBuffer>; rejected: RejectedLead[] }
  | Extract<LeadsRead, { kind: "refused" }>;

/** Reads a bulk body as `readLeads` does, ready for the store's `import`. */
export function readEncodedLeads(body: Uint8Array, defaultCountry?: Country): EncodedLeads {
  const read = readLeads(body, defaultCountry);
  if (read.kind === "refused") return read;
  return { kind: "read", accepted: read.leads.length, encoded: encodeLeads(read.leads), rejected: read.rejected };
}

function readRows(rows: readonly unknown[], defaultCountry: Country | undefined): LeadsRead {
  const leads: LeadInput[] = [];
  const rejected: RejectedLead[] = [];
  for (const [index, row] of rows.entries()) {
    const read = readLead(row, defaultCountry);
    if (read.ok) leads.push(read.lead);
    else rejected.push({ index, problems: read.problems });
  }
  return { kind: "read", leads, rejected };
}

function textOf(body: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return null;
  }
}

/** `reason` is the engine's own: it names the place by line and column, or shows it. */
function parseJson(text: string): { ok: true; value: unknown } | { ok: false; reason: string } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

function refused(field: string, rule: string, message: string): LeadsRead {
  return { kind: "refused", problem: { field, rule, message } };
}
