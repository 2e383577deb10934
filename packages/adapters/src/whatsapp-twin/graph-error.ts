/** Owns Meta's error codes: the HTTP status and the title that each comes with, and what an error's body looks like. */
import { randomBytes } from "node:crypto";

/** Why a request is refused. */
export interface Refusal {
  code: number;
  /** What is wrong just here. */
  details: string;
}

/** What a request is answered with. `cut`: the connection ends without an answer. */
export type Answer =
  | { kind: "json"; status: number; body: unknown }
  | { kind: "text"; status: number; text: string }
  | { kind: "cut" };

interface KnownError {
  status: number;
  title: string;
  details: string;
}

const known = (status: number, title: string, details: string): KnownError => ({ status, title, details });

/** Limits come with 400, not with 429: only the code tells them apart. */
const KNOWN_ERRORS: Readonly<Record<number, KnownError>> = {
  0: known(401, "AuthException", "The user of the app could not be authenticated"),
  1: known(400, "API Unknown", "The request is invalid, or a server failed"),
  2: known(503, "API Service", "The service is down or overloaded for a while"),
  3: known(500, "API Method", "A capability or a permission is missing"),
  4: known(400, "API Too Many Calls", "The app has made too many calls"),
  10: known(403, "Permission Denied", "The permission was not granted, or was taken away"),
  33: known(400, "Parameter value is not valid", "The phone number was deleted"),
  100: known(400, "Invalid parameter", "A parameter is unknown or misspelled"),
  190: known(401, "Access token has expired", "The access token is not valid"),
  200: known(403, "API Permission", "The permission was not granted, or was taken away"),
  368: known(403, "Temporarily blocked for policies violations", "The account is restricted for breaking a policy"),
  80007: known(400, "Rate limit issues", "The business account has reached its rate limit"),
  130429: known(400, "Rate limit hit", "Too many messages left this number in a short time"),
  130472: known(400, "User's number is part of an experiment", "Meta keeps marketing messages from this recipient"),
  130497: known(403, "Business account is restricted from messaging users in this country.", "Not to this country"),
  131000: known(500, "Something went wrong", "The message could not be sent for an unknown reason"),
  131005: known(403, "Access denied", "The permission was not granted, or was taken away"),
  131008: known(400, "Required parameter is missing", "A required parameter is missing"),
  131009: known(400, "Parameter value is not valid", "The value of a parameter is not valid"),
  131016: known(500, "Service unavailable", "A service is not available for a while"),
  131021: known(400, "Recipient cannot be sender", "A number cannot write to itself"),
  131026: known(400, "Message undeliverable", "The recipient is not on WhatsApp, or cannot receive the message"),
  131030: known(400, "Recipient phone number not in allowed list", "A test number writes only to the numbers on its list"),
  131031: known(403, "Business Account locked", "The account is locked for breaking a policy"),
  131037: known(400, "Display name approval needed", "The number's display name is not approved"),
  131042: known(400, "Business eligibility payment issue", "The payment method of the account has a problem"),
  131045: known(500, "Incorrect certificate", "The number's registration has a problem"),
  131047: known(400, "Re-engagement message", "More than 24 hours have passed since the recipient last wrote to this number"),
  131048: known(400, "Spam rate limit hit", "This number may not write to more people for now"),
  131049: known(400, "Meta chose not to deliver", "The recipient gets enough marketing messages as it is"),
  131050: known(400, "User has stopped marketing messages", "The recipient wants no marketing messages from this business"),
  131051: known(400, "Unsupported message type", "Messages of this type cannot be sent"),
  131052: known(400, "Media download error", "The media of the sender could not be downloaded"),
  131053: known(400, "Media upload error", "The media could not be taken"),
  131056: known(400, "(Business Account, Consumer Account) pair rate limit hit", "Too many messages to this recipient"),
  131057: known(500, "Account in maintenance mode", "The account is being maintained"),
  132000: known(400, "Number of parameters does not match the expected number of params", "Too few or too many parameters"),
  132001: known(
    404,
    "Template name does not exist in the translation",
    "There is no approved template of this name and language",
  ),
  132005: known(400, "Translated text too long", "The template's text is too long with these values"),
  132007: known(400, "Template Format Character Policy Violated", "The template's content breaks a policy"),
  132012: known(400, "Parameter format does not match format in the created template", "A parameter is of the wrong kind"),
  132015: known(400, "Template is Paused", "The template is paused for its low quality"),
  132016: known(400, "Template is Disabled", "The template is disabled for its low quality"),
  132018: known(400, "Template parameter is not valid", "A parameter of the template is not valid"),
  132068: known(400, "Flow is blocked", "The flow is blocked"),
  132069: known(400, "Flow is throttled", "The flow is throttled"),
  133000: known(500, "Incomplete deregistration", "An earlier deregistration failed"),
  133004: known(503, "Server temporarily unavailable", "The server is not available for a while"),
  133010: known(400, "Phone number Not Registered", "The number is not registered with WhatsApp"),
};

/** What stands for a code that the table does not have. */
const UNLISTED = known(400, "Unknown error", "An error that the twin was told to give");

function knownError(code: number): KnownError {
  return KNOWN_ERRORS[code] ?? UNLISTED;
}

/** The error as Meta answers it. */
export function graphError({ code, details }: Refusal): Answer {
  const { status, title } = knownError(code);
  const error_data = { messaging_product: "whatsapp", details };
  return errorAnswer(status, { message: `(#${code}) ${title}`, type: "OAuthException", code, error_data });
}

/** What a code usually means: the refusal for it where nothing more is known. */
export function refusalFor(code: number): Refusal {
  return { code, details: knownError(code).details };
}

export function badToken(): Answer {
  const message = "Invalid OAuth access token - Cannot parse access token";
  return errorAnswer(401, { message, type: "OAuthException", code: 190 });
}

/** Nobody, or nobody with this token, has the object `id`. */
export function unknownObject(verb: "get" | "post", id: string): Answer {
  const message = `Unsupported ${verb} request. Object with ID '${id}' does not exist, cannot be loaded due to missing permissions, or does not support this operation`;
  return errorAnswer(400, { message, type: "GraphMethodException", code: 100, error_subcode: 33 });
}

export function unknownField(field: string): Answer {
  const message = `(#100) Tried accessing nonexisting field (${field}) on node type (WhatsAppBusinessPhoneNumber)`;
  return errorAnswer(400, { message, type: "OAuthException", code: 100 });
}

export function unknownPath(path: string): Answer {
  return errorAnswer(400, { message: `Unknown path components: ${path}`, type: "OAuthException", code: 2500 });
}

function errorAnswer(status: number, error: Record<string, unknown>): Answer {
  return { kind: "json", status, body: { error: { ...error, fbtrace_id: `A${randomBytes(16).toString("base64url")}` } } };
}

/** The error as a failed status has it. */
export function statusError(code: number): Record<string, unknown> {
  const { title, details } = knownError(code);
  const href = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/";
  return { code, title, message: title, error_data: { details }, href };
}
