/** Owns what Meta says of the number itself: whose it is, whether it may send, to how many, and what it is warned of. */
import type { CloudSettings } from "@mini-crm/core/channel/channel";
import { isJsonObject, type JsonObject } from "@mini-crm/core/json";
import { refusalOf } from "./errors.ts";
import { callGraph, type GraphAccess, type GraphAnswer } from "./graph.ts";
import { objectsAt } from "./json-reading.ts";

/** What is told of a number that Meta knows. */
export interface NumberFacts {
  userName: string | null;
  warning: string | null;
  recipientsPerDay: number | null;
}

/**
 * `usable`: nothing speaks against sending. `refused`: Meta does not let it send. `busy`: Meta answered, and not to the question.
 * `away`: no answer came.
 */
export type NumberLook =
  | { kind: "usable"; facts: NumberFacts }
  | { kind: "refused"; state: "auth_invalid" | "restricted" | "banned"; reason: string; facts: NumberFacts | null }
  | { kind: "busy" | "away"; reason: string };

const LOOK_TIMEOUT_MS = 10_000;
const FIELDS = [
  ...["verified_name", "display_phone_number", "quality_rating", "status", "health_status"],
  ...["messaging_limit_tier", "whatsapp_business_manager_messaging_limit"],
];

/** How many different people a tier lets a number write to in 24 hours; null for no bound. */
const TIERS: Readonly<Record<string, number | null>> = {
  TIER_50: 50,
  TIER_250: 250,
  TIER_1K: 1_000,
  TIER_2K: 2_000,
  TIER_10K: 10_000,
  TIER_100K: 100_000,
  TIER_UNLIMITED: null,
};

/** Meta refuses the whole question for one field that a version does not have (any more): then it is asked without that one. */
export async function lookUpNumber(
  access: GraphAccess,
  { phone_number_id }: Pick<CloudSettings, "phone_number_id">,
  signal: AbortSignal,
): Promise<NumberLook> {
  let fields = FIELDS;
  for (;;) {
    const query = { fields: fields.join(",") };
    const answer = await callGraph(access, { path: [phone_number_id], query, timeoutMs: LOOK_TIMEOUT_MS, signal });
    const others = fields.filter((field) => field !== unknownField(answer));
    if (others.length === fields.length) return lookOf(answer);
    fields = others;
  }
}

function unknownField(answer: GraphAnswer): string | null {
  if (answer.kind !== "refused" || answer.error?.code !== 100) return null;
  return /nonexisting field \((\w+)\)/.exec(answer.error.says)?.[1] ?? null;
}

function lookOf(answer: GraphAnswer): NumberLook {
  if (answer.kind === "answered") return lookIn(answer.body);
  const refusal = refusalOf(answer);
  if (refusal.kind === "session" || refusal.kind === "permanent") {
    const state = "state" in refusal ? refusal.state : null;
    return refused(state === "banned" || state === "restricted" ? state : "auth_invalid", refusal.reason);
  }
  const isAway = answer.kind !== "refused" || answer.error === null || answer.status >= 500;
  return { kind: isAway ? "away" : "busy", reason: refusal.reason };
}

function refused(state: "auth_invalid" | "restricted" | "banned", reason: string, facts: NumberFacts | null = null): NumberLook {
  return { kind: "refused", state, reason, facts };
}

function lookIn(body: JsonObject): NumberLook {
  const facts = factsIn(body);
  const { status, health_status: health } = body;
  if (status === "BANNED") return refused("banned", "Meta has banned the number", facts);
  if (isJsonObject(health) && health["can_send_message"] === "BLOCKED") {
    return refused("restricted", `Meta does not let the number send: ${causesIn(health, "BLOCKED")}`, facts);
  }
  return { kind: "usable", facts };
}

function factsIn(body: JsonObject): NumberFacts {
  const tier = body["whatsapp_business_manager_messaging_limit"] ?? body["messaging_limit_tier"];
  const name = body["verified_name"] ?? body["display_phone_number"];
  return {
    userName: typeof name === "string" && name !== "" ? name : null,
    warning: warningIn(body),
    recipientsPerDay: (typeof tier === "string" ? TIERS[tier] : null) ?? null,
  };
}

const QUALITIES: Readonly<Record<string, string>> = {
  RED: "Meta rates the number's quality as low: people block or report its messages. Write to fewer people, and only to those who expect it.",
  YELLOW: "Meta rates the number's quality as medium: some people block or report its messages.",
};

const STATUSES: Readonly<Record<string, string>> = {
  FLAGGED:
    "Meta has flagged the number because of its quality; without an improvement within 7 days it may write to fewer people.",
  RESTRICTED: "The number has reached its limit of different people in 24 hours.",
  RATE_LIMITED: "The number has reached its limit of different people in 24 hours.",
};

function warningIn({ quality_rating: quality, status, health_status: health }: JsonObject): string | null {
  const isLimited = isJsonObject(health) && health["can_send_message"] === "LIMITED";
  const warnings = [
    typeof quality === "string" ? QUALITIES[quality] : null,
    typeof status === "string" ? STATUSES[status] : null,
    isLimited ? `Meta limits what the number may send: ${causesIn(health, "LIMITED")}` : null,
  ];
  return warnings.filter((warning) => typeof warning === "string").join(" ") || null;
}

/** Why one of the things that sending depends on (number, account, business, app) is not well, in Meta's words. */
function causesIn(health: JsonObject, verdict: "BLOCKED" | "LIMITED"): string {
  const entities = objectsAt(health, "entities").filter((entity) => entity["can_send_message"] === verdict);
  const causes = entities.flatMap((entity) => [
    ...objectsAt(entity, "errors").flatMap(({ error_description, possible_solution }) => [error_description, possible_solution]),
    ...(Array.isArray(entity["additional_info"]) ? entity["additional_info"] : []),
  ]);
  const words = causes.filter((cause) => typeof cause === "string");
  return words.length > 0 ? words.join(" ").slice(0, 500) : "it does not say why.";
}
