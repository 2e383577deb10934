/** Owns what Meta's error codes mean for a message, its campaign and its channel. */
import { unreachable } from "@mini-crm/core/app-error";
import type { ConnectionState } from "@mini-crm/core/channel/connection";
import { isJsonObject } from "@mini-crm/core/json";
import type { Wish } from "@mini-crm/core/lead/stop-words";
import { reasonOf } from "@mini-crm/core/message/reasons";
import type { SendAnswer } from "@mini-crm/core/ports/whatsapp-provider";
import type { GraphAnswer, GraphError } from "./graph.ts";

/** What a code means; the words for it are core's. */
export type Meaning =
  | { kind: "retryable"; scope: "recipient" | "account"; afterMs: number | null }
  | { kind: "deferred"; afterMs: number }
  | { kind: "permanent"; scope: "recipient" | "campaign"; wish: Wish | null }
  | { kind: "session"; state: ConnectionState };

/** One message to a recipient in this time is what Meta lets pass. */
const PAIR_MS = 6_000;
const DAY_MS = 24 * 3_600_000;

const ACCOUNT_FOR_NOW: Meaning = { kind: "retryable", scope: "account", afterMs: null };
const RECIPIENT_FOR_GOOD: Meaning = { kind: "permanent", scope: "recipient", wish: null };
const CAMPAIGN_FOR_GOOD: Meaning = { kind: "permanent", scope: "campaign", wish: null };
const NO_ACCESS: Meaning = { kind: "session", state: "auth_invalid" };
const RESTRICTED: Meaning = { kind: "session", state: "restricted" };

/**
 * What each code means that Meta documents for sending. What only a look at Meta's settings can mend (billing, registration,
 * quality) is `restricted`, which is tried again by itself; `auth_invalid` needs another token.
 */
export const MEANINGS: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  ...[2, 4, 80007, 130429, 131016, 131057, 133004].map((code) => [code, ACCOUNT_FOR_NOW] as const),
  // Meta's own "something went wrong", for one message or for all: `createProvider` tells which.
  [131000, { kind: "retryable", scope: "recipient", afterMs: null }],
  [131056, { kind: "retryable", scope: "recipient", afterMs: PAIR_MS }],
  [131049, { kind: "deferred", afterMs: DAY_MS }],
  ...[130472, 130497, 131021, 131026, 131030, 131047].map((code) => [code, RECIPIENT_FOR_GOOD] as const),
  [131050, { kind: "permanent", scope: "recipient", wish: "stop" }],
  ...[100, 131008, 131009, 131051, 131053].map((code) => [code, CAMPAIGN_FOR_GOOD] as const),
  ...[132000, 132001, 132005, 132007, 132012, 132015, 132016, 132018, 132068, 132069].map(
    (code) => [code, CAMPAIGN_FOR_GOOD] as const,
  ),
  ...[0, 3, 10, 33, 190, 131005].map((code) => [code, NO_ACCESS] as const),
  ...[368, 131037, 131042, 131045, 131048].map((code) => [code, RESTRICTED] as const),
  [131031, { kind: "session", state: "banned" }],
]);

/** What Meta answers where the object of a call is not there, or the token may not see it. */
function isNoSuchObject({ code, subcode }: GraphError): boolean {
  return code === 100 && subcode === 33;
}

/** The meaning of Meta's error; null where its code is not one that is known. */
function meaningOf(error: GraphError): Meaning | null {
  const { code } = error;
  if (isNoSuchObject(error)) return NO_ACCESS;
  const listed = MEANINGS.get(code);
  if (listed !== undefined) return listed;
  if (code >= 200 && code <= 299) return NO_ACCESS;
  // All of these speak of the number's registration; the one that is none, 133004, is listed.
  if (code >= 133000 && code <= 133999) return RESTRICTED;
  return null;
}

export type Refusal = Exclude<SendAnswer, { kind: "accepted" }>;

/** What no connection to Meta could be made for. */
const UNREACHABLE = "unreachable";

export function isUnreachable(answer: SendAnswer): answer is Extract<SendAnswer, { kind: "retryable" }> {
  return answer.kind === "retryable" && answer.code === UNREACHABLE;
}

/** The answer to a send. */
export function answerTo(answer: GraphAnswer): SendAnswer {
  if (answer.kind !== "answered") return refusalOf(answer);
  const { messages } = answer.body;
  const first = Array.isArray(messages) ? messages[0] : null;
  if (isJsonObject(first) && typeof first["id"] === "string") return { kind: "accepted", providerId: first["id"] };
  return { kind: "unknown", reason: "Meta answered without the message's identifier" };
}

/** The answer to a send whose request was not answered with success. */
export function refusalOf(answer: Exclude<GraphAnswer, { kind: "answered" }>): Refusal {
  switch (answer.kind) {
    case "unreachable":
      return { kind: "retryable", scope: "account", code: UNREACHABLE, reason: answer.reason, retryAfterMs: null };
    case "no_answer":
      return { kind: "unknown", reason: answer.reason };
    case "refused":
      return answer.error === null ? strangersRefusal(answer) : metasRefusal(answer.error, answer);
    default:
      return unreachable(answer);
  }
}

interface Circumstances {
  status: number;
  retryAfterMs: number | null;
}

function metasRefusal(error: GraphError, { status, retryAfterMs }: Circumstances): Refusal {
  const code = String(error.code);
  const meaning = meaningOf(error) ?? (status === 429 ? ACCOUNT_FOR_NOW : null);
  if (meaning === null) return unlisted(error, status);
  switch (meaning.kind) {
    case "retryable":
      return {
        kind: "retryable",
        scope: meaning.scope,
        code,
        reason: wordsOf(error),
        retryAfterMs: retryAfterMs ?? meaning.afterMs,
      };
    case "deferred":
      return { kind: "deferred", code, reason: wordsOf(error), afterMs: Math.max(meaning.afterMs, retryAfterMs ?? 0) };
    case "permanent":
      return { kind: "permanent", scope: meaning.scope, code, reason: wordsOf(error), wish: meaning.wish };
    case "session":
      return { kind: "session", state: meaning.state, reason: wordsOf(error) };
    default:
      return unreachable(meaning);
  }
}

/**
 * A code that nobody here knows ends this one message: Meta said that it did not take it, and trying again what is not understood
 * could go on for ever, or stop the others. Whoever looks into it can retry the failed ones.
 */
function unlisted(error: GraphError, status: number): Refusal {
  if (status >= 500) return { kind: "unknown", reason: wordsOf(error) };
  return { kind: "permanent", scope: "recipient", code: String(error.code), reason: wordsOf(error), wish: null };
}

/** No answer of Meta's API: something between here and there spoke, or `base_url` leads elsewhere. */
function strangersRefusal({ status, retryAfterMs }: Circumstances): Refusal {
  if (status >= 500) return { kind: "unknown", reason: `What is on the way to Meta answered ${status}` };
  const reason =
    status === 429
      ? "Too many requests in a short time"
      : `Something other than Meta's API answered ${status}: check base_url and any proxy`;
  return { kind: "retryable", scope: "account", code: String(status), reason, retryAfterMs };
}

/** Meta's own words follow where there are many causes, and somebody must find the one. */
function wordsOf(error: GraphError): string {
  const meaning = meaningOf(error);
  const concernsOne = meaning?.kind === "deferred" || (meaning?.kind !== "session" && meaning?.scope === "recipient");
  return concernsOne || error.says === "" ? sentenceOf(error) : `${sentenceOf(error)}. Meta says: ${error.says}`;
}

function sentenceOf(error: GraphError): string {
  if (isNoSuchObject(error)) return "Meta does not know the number, or the access token may not see it: check phone_number_id";
  return reasonOf(String(error.code)) ?? sentenceOfRange(error);
}

/** Of the codes that are known by their range only. */
function sentenceOfRange(error: GraphError): string {
  switch (meaningOf(error)) {
    case NO_ACCESS:
      return "The access token lacks a permission";
    case RESTRICTED:
      return "The number's registration with the Cloud API must be mended";
    default:
      return `Meta refused it (code ${error.code})`;
  }
}
