/** Owns how the twin's switches are read from outside: each one is checked, and what is wrong is said in words. */
import { parsePhone } from "@mini-crm/core/lead/phone";
import type { SimulatorBehaviour } from "../whatsapp-simulator/behaviour.ts";
import type { Fault } from "./faults.ts";
import { asList, asObject, asText, type Json } from "./json.ts";
import type { GivenText, Preference } from "./line.ts";
import type { TwinNumber } from "./number.ts";

export type Given<T> = { ok: true; value: T } | { ok: false; reason: string };

const DAY_MS = 86_400_000;
const MAX_NUMBERS = 10_000;

function bad(reason: string): { ok: false; reason: string } {
  return { ok: false, reason };
}

const isBetween = (from: number, to: number) => (value: unknown) => typeof value === "number" && value >= from && value <= to;
const isShare = isBetween(0, 1);
const isMs = (value: unknown) => Number.isInteger(value) && isBetween(0, DAY_MS)(value);
const isSpan = (value: unknown) => {
  const span = asObject(value);
  return span !== null && Object.keys(span).length === 2 && isMs(span["fromMs"]) && isMs(span["toMs"]);
};
const isPhones = (value: unknown): value is readonly string[] => {
  const phones = asList(value);
  return phones !== null && phones.length <= MAX_NUMBERS && phones.every((one) => /^\+\d{1,15}\*?$/.test(asText(one) ?? ""));
};
const orNull = (isRight: (value: unknown) => boolean) => (value: unknown) => value === null || isRight(value);

const SHARE = [isShare, "a number from 0 to 1"] as const;
const SPAN = [isSpan, 'a span such as {"fromMs": 50, "toMs": 250}'] as const;
const PHONES = [isPhones, "a list of numbers such as +4915112345678, or of beginnings such as +49151*"] as const;

const BEHAVIOUR: Readonly<Record<keyof SimulatorBehaviour, readonly [isRight: (value: unknown) => boolean, rule: string]>> = {
  latency: SPAN,
  sentAfter: [orNull(isSpan), `${SPAN[1]}, or null`],
  deliveredAfter: SPAN,
  readAfter: SPAN,
  readShare: SHARE,
  undeliverableShare: SHARE,
  stopShare: SHARE,
  replyShare: SHARE,
  replyAfter: SPAN,
  doubledShare: SHARE,
  lateShare: SHARE,
  lateBy: SPAN,
  shuffledShare: SHARE,
  notOnWhatsApp: PHONES,
  notOnWhatsAppShare: SHARE,
  busyNumbers: PHONES,
  retryableShare: SHARE,
  hangShare: SHARE,
  hangFor: SPAN,
  cutShare: SHARE,
  unreachable: [(value) => typeof value === "boolean", "true or false"],
  rateLimited: [orNull((value) => isMs(asObject(value)?.["retryAfterMs"])), '{"retryAfterMs": 5000}, or null'],
  warning: [orNull((value) => asText(value, 500) !== null), "a text, or null"],
};

function problemOf(changes: Json): string | null {
  const known: Readonly<Record<string, (typeof BEHAVIOUR)["latency"]>> = BEHAVIOUR;
  for (const [key, value] of Object.entries(changes)) {
    const [isRight, rule] = known[key] ?? [];
    if (isRight === undefined) return `\`${key}\` is no switch of the twin: it has ${Object.keys(BEHAVIOUR).join(", ")}`;
    if (!isRight(value)) return `\`${key}\` must be ${rule}`;
  }
  return null;
}

function isBehaviour(changes: Json): changes is Partial<SimulatorBehaviour> & Json {
  return problemOf(changes) === null;
}

export function readBehaviour(changes: Json): Given<Partial<SimulatorBehaviour>> {
  return isBehaviour(changes) ? { ok: true, value: changes } : bad(problemOf(changes) ?? "");
}

export function readFaults(given: unknown): Given<Fault[]> {
  const faults: Fault[] = [];
  for (const one of asList(given) ?? [null]) {
    const fault = readFault(asObject(one));
    if (!fault.ok) return fault;
    faults.push(fault.value);
  }
  return { ok: true, value: faults };
}

function readFault(fault: Json | null): Given<Fault> {
  if (fault === null) return bad('`faults` must be a list such as [{"code": 131049, "share": 0.1}]');
  const { code, status, outcome = "refused", next, share, to, phone_number_id, ...rest } = fault;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) return bad(`\`${unknown}\` is nothing that a fault has`);
  const hasCode = Number.isInteger(code) && status === undefined;
  const hasStatus = code === undefined && isBetween(400, 599)(status);
  if (!hasCode && !hasStatus) return bad("A fault has either a `code` of Meta's, or the `status` of a bare HTTP error");
  if (outcome !== "refused" && outcome !== "leaves" && outcome !== "later") {
    return bad("`outcome` must be refused, leaves or later");
  }
  if (outcome === "later" && !hasCode) return bad("Only a fault with a `code` can come later");
  if (next !== undefined && !(Number.isInteger(next) && Number(next) > 0)) return bad("`next` must be a whole number above 0");
  if (share !== undefined && !isShare(share)) return bad("`share` must be a number from 0 to 1");
  if (to !== undefined && !isPhones(to)) return bad(`\`to\` must be ${PHONES[1]}`);
  return {
    ok: true,
    value: {
      answer: hasCode ? { code: Number(code) } : { status: Number(status) },
      outcome,
      ...(next === undefined ? {} : { next: Number(next) }),
      ...(share === undefined ? {} : { share: Number(share) }),
      ...(to === undefined ? {} : { to }),
      ...(phone_number_id === undefined ? {} : { phoneNumberId: asText(phone_number_id) ?? "" }),
    },
  };
}

const TEXTS = {
  phone_number_id: "phoneNumberId",
  business_account_id: "businessAccountId",
  display_phone_number: "displayPhoneNumber",
  verified_name: "verifiedName",
  access_token: "accessToken",
  app_secret: "appSecret",
  verify_token: "verifyToken",
} as const;
const BOUNDS = {
  messages_per_second: "messagesPerSecond",
  recipients_per_day: "recipientsPerDay",
  pair_ms: "pairMs",
  window_ms: "windowMs",
} as const;

export function readNumber(body: Json): Given<TwinNumber> {
  const webhookUrl = body["webhook_url"] ?? null;
  if (webhookUrl !== null && !URL.canParse(asText(webhookUrl) ?? "")) return bad("`webhook_url` must be a web address, or null");
  const number: TwinNumber = {
    phoneNumberId: "",
    businessAccountId: "",
    displayPhoneNumber: "",
    verifiedName: "",
    accessToken: "",
    appSecret: "",
    webhookUrl: asText(webhookUrl),
    verifyToken: "",
  };
  for (const [key, field] of entriesOf(TEXTS)) {
    const value = asText(body[key], 1_000);
    if (value === null) return bad(`\`${key}\` must be a text`);
    number[field] = value;
  }
  if (!/^\d+$/.test(`${number.phoneNumberId}${number.businessAccountId}`)) {
    return bad("`phone_number_id` and `business_account_id` must be digits");
  }
  for (const [key, field] of entriesOf(BOUNDS)) {
    const value = body[key];
    if (value === undefined) continue;
    if (value !== null && !isBetween(0, Number.MAX_SAFE_INTEGER)(value)) return bad(`\`${key}\` must be a number, or null`);
    number[field] = value === null ? null : Number(value);
  }
  return { ok: true, value: number };
}

function entriesOf<Key extends string, Field extends string>(fields: Readonly<Record<Key, Field>>): [Key, Field][] {
  const entries: [Key, Field][] = [];
  for (const key in fields) entries.push([key, fields[key]]);
  return entries;
}

export function readText(body: Json): Given<GivenText> {
  const from = readFrom(body);
  if (!from.ok) return from;
  const text = asText(body["text"], 4_096);
  if (text === null) return bad("`text` must have 1 to 4096 characters");
  const name = asText(body["name"] ?? null, 100);
  return { ok: true, value: { from: from.value, text, name, hidesPhone: body["hides_phone"] === true } };
}

export function readPreference(body: Json): Given<Preference> {
  const from = readFrom(body);
  if (!from.ok) return from;
  const { value } = body;
  if (value !== "stop" && value !== "resume") return bad("`value` must be stop or resume");
  return { ok: true, value: { from: from.value, value } };
}

function readFrom(body: Json): Given<string> {
  const phone = parsePhone(asText(body["from"]) ?? "");
  return phone.ok ? { ok: true, value: phone.phone } : bad(`\`from\`: ${phone.reason}`);
}
