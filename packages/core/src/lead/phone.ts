/** Owns how a phone number is written: whatever people write becomes the one E.164 spelling that a lead is known by. */
import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from "libphonenumber-js/max";
import { quote } from "../text.ts";
import { LEAD_LIMITS } from "./lead.ts";

/** A country by its two capital letters (ISO 3166-1), such as `DE`. */
export type Country = CountryCode;

export type PhoneRead = { ok: true; phone: string } | { ok: false; reason: string };

const e164 = /^\+[1-9]\d{6,14}$/;
/** What people put between digits, and the invisible marks that address books put around them. */
const separators = /[\s().\-/\u00ad\u2010-\u2015\u2212\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069]+/g;
/** One zero straight after the country code. The codes of one and two digits are a closed list; all others have three. */
const zeroAfterCountryCode =
  /^\+(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|(?:2[1-689]|3[578]|42|5[09]|6[7-9]|8[035789]|9[679])\d)0/;

export function isCountry(text: string): text is Country {
  return isSupportedCountry(text);
}

/**
 * Reads a phone number as people write it and returns its one spelling in E.164. Without `+` or `00` it is read as a number
 * of `defaultCountry`, and refused where that is not given. A number that nobody has (`+1234567890`) is not refused: see
 * `isAssigned`. `reason` says in words what to do.
 *
 * With a country code, the spelling is decided from the digits alone, so that no two ways to write a number differ, and
 * plain digits (a million of them in an import) never wait for the numbering plans.
 */
export function parsePhone(text: string, defaultCountry?: Country): PhoneRead {
  if (e164.test(text)) return { ok: true, phone: canonical(text) };
  if (text.length > LEAD_LIMITS.phoneChars) return refused(text, "is too long for a phone number: write one number");
  const written = text.replaceAll(separators, "");
  const dialled = written.startsWith("00") ? `+${written.slice(2)}` : written;
  if (!/^\+?\d+$/.test(dialled)) {
    return refused(text, "is not a phone number: write one number with digits only, such as +49 30 901820");
  }
  if (dialled.startsWith("+")) return international(text, dialled);
  if (defaultCountry === undefined) {
    return refused(text, "has no country code: write it with + and the country code, such as +49 30 901820");
  }
  const phone = parsePhoneNumberFromString(dialled, { defaultCountry, extract: false })?.number;
  if (phone === undefined) return refused(text, `is no number of ${defaultCountry}: write it with + and the country code`);
  return international(text, phone);
}

/** Tells whether `phone` has the shape of an international number; one that has not can surely not be dialled. */
export function isE164(phone: string): boolean {
  return e164.test(phone);
}

/** Tells whether the number belongs to a range that its country has given out: about 10 µs, for when a lead is shown. */
export function isAssigned(phone: string): boolean {
  return parsePhoneNumberFromString(phone, { extract: false })?.isValid() ?? false;
}

function international(text: string, phone: string): PhoneRead {
  if (phone.startsWith("+0")) return refused(text, "has a zero where the country code belongs: write + and the country code");
  if (!e164.test(phone)) return refused(text, "does not have the 7 to 15 digits of a phone number with its country code");
  return { ok: true, phone: canonical(phone) };
}

/** Returns the one spelling of a number in E.164; of a spelling that is the one already, the same. */
function canonical(phone: string): string {
  return withNinthDigit(zeroAfterCountryCode.test(phone) ? withoutTrunkZero(phone) : phone);
}

/**
 * `+49 (0) 30` and `+44 07700`: the zero is only dialled inside the country. Whether a country has such a zero, or one that
 * belongs to the number as in Italy, its numbering plan knows. Repeated until nothing changes, so that the result is final.
 */
function withoutTrunkZero(phone: string): string {
  const shorter = parsePhoneNumberFromString(phone, { extract: false })?.number;
  if (shorter === undefined || shorter.length >= phone.length || !e164.test(shorter)) return phone;
  return withoutTrunkZero(shorter);
}

/**
 * Brazil put a 9 before every mobile number, which had eight digits and began with 6 to 9; both spellings are still in use,
 * also by WhatsApp itself, and mean one phone.
 */
function withNinthDigit(phone: string): string {
  const isOldBrazilianMobile = phone.length === 13 && /^\+55[1-9][1-9][6-9]/.test(phone);
  return isOldBrazilianMobile ? `${phone.slice(0, 5)}9${phone.slice(5)}` : phone;
}

function refused(text: string, reason: string): PhoneRead {
  return { ok: false, reason: `${quote(text)} ${reason}.` };
}
