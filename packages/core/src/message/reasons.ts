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
  outside_window: "Has not written in the last 24 hours, and the campaign names no approved template",
};

/** What the product itself finds out on the way. */
const OWN = {
  render_failed: "The text could not be rendered",
  no_answer: "It went out, and WhatsApp did not answer",
  lease_expired: "The worker that sent it did not say what came of it",
  quiet_hours: "It is within their quiet hours",
  too_soon: "Their number has just had another message",
  channel_gone: "The channel that it was to go over has been removed",
};

/** The Cloud API's, which the other ways to WhatsApp speak as well. */
const WHATSAPP: Record<string, string> = {
  "0": "Meta does not accept the access token",
  "2": "WhatsApp was not available",
  "3": "The access token lacks a permission",
  "4": "The app has made too many calls in a short time",
  "10": "The access token lacks a permission",
  "33": "The number was deleted at Meta",
  "100": "Meta does not accept a part of the request",
  "190": "The access token has expired or was withdrawn",
  "368": "Meta has blocked the account for a time because of its policies",
  "80007": "The business account has made too many calls in a short time",
  "130429": "Too many messages in a short time",
  "130472": "WhatsApp does not deliver to this recipient because of an experiment of its own",
  "130497": "The account may not write to people in this country",
  "131000": "WhatsApp had a problem of its own",
  "131005": "The access token lacks a permission",
  "131008": "The request lacks something that Meta requires",
  "131009": "Meta does not accept a value in the request",
  "131016": "WhatsApp was not available",
  "131021": "The recipient is the sending number itself",
  "131026": "The number cannot be reached on WhatsApp",
  "131030": "The number is not among those that this account may write to",
  "131031": "Meta has locked the account",
  "131037": "The number's display name must be approved before it can send",
  "131042": "Something is wrong with the account's payment method",
  "131045": "The number is not registered with the Cloud API",
  "131047": "More than 24 hours since the recipient last wrote: only an approved template may be sent",
  "131048": "Meta has restricted the number because too many of its messages were blocked or reported",
  "131049": "WhatsApp holds marketing messages to this recipient back for now",
  "131050": "The recipient has stopped marketing messages in WhatsApp",
  "131051": "WhatsApp does not know this kind of message",
  "131053": "WhatsApp could not use the image or document",
  "131056": "Too many messages to this recipient in a short time",
  "131057": "The account is being maintained",
  "132000": "The template has another number of variables",
  "132001": "There is no approved template of this name in this language",
  "132005": "The template's text becomes too long with these values",
  "132007": "The template's content breaks a rule of WhatsApp",
  "132012": "A value does not have the form that the template expects",
  "132015": "The template is paused because of its low quality",
  "132016": "The template is disabled for good because of its low quality",
  "132018": "A value of the template is not valid",
  "132068": "The template's flow is blocked",
  "132069": "The template's flow is throttled",
  "133004": "WhatsApp was not available",
  "133010": "The number is not registered with the Cloud API",
};

const WORDS = new Map(Object.entries({ ...SKIPPED, ...OWN, ...WHATSAPP }));

/** What `code` means; null where only the message itself says it. */
export function reasonOf(code: SkipReason | keyof typeof OWN): string;
export function reasonOf(code: string): string | null;
export function reasonOf(code: string): string | null {
  return WORDS.get(code) ?? null;
}
