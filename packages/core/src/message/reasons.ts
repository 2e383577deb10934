/** Owns what the codes of the ledger mean, in words: one sentence for everybody who shows a figure by its reason. */
import type { SkipReason } from "./message.ts";

/** Why a recipient was not written to. */
const SKIPPED: Record<SkipReason, string> = {
  opted_out: "Does not want messages",
  no_phone: "Has no phone number",
  invalid_number: "The number is not an international one, so it cannot be dialled",
  blank_variable: "Nothing is known for a variable of the text",
  duplicate_number: "Another recipient of the campaign has the same number",
  lead_deleted: "The lead has been deleted",
  frequency_cap: "Has had as many messages of late as the cap allows",
  expired: "The campaign expired before this message's turn",
};

/** What the product itself finds out on the way. */
const OWN = {
  render_failed: "The text could not be rendered",
  no_answer: "It went out, and WhatsApp did not answer",
  lease_expired: "The worker that sent it did not say what came of it",
  quiet_hours: "It is within their quiet hours",
};

/** The Cloud API's, which the other ways to WhatsApp speak as well. */
const WHATSAPP: Record<string, string> = {
  "130429": "Too many messages in a short time",
  "130472": "WhatsApp does not deliver to this recipient because of an experiment of its own",
  "131000": "WhatsApp had a problem of its own",
  "131016": "WhatsApp was not available",
  "131026": "The number cannot be reached on WhatsApp",
  "131030": "The number is not among those that this account may write to",
  "131047": "More than 24 hours since the recipient last wrote: only an approved template may be sent",
  "131049": "WhatsApp holds marketing messages to this recipient back for now",
  "131050": "The recipient has stopped marketing messages in WhatsApp",
  "131056": "Too many messages to this recipient in a short time",
  "131057": "The account is being maintained",
};

const WORDS = new Map(Object.entries({ ...SKIPPED, ...OWN, ...WHATSAPP }));

/** What `code` means; null where only the message itself says it. */
export function reasonOf(code: SkipReason | keyof typeof OWN): string;
export function reasonOf(code: string): string | null;
export function reasonOf(code: string): string | null {
  return WORDS.get(code) ?? null;
}
