/** Owns the paths of Meta's Graph API that the twin has: who may ask, for what, and what they are answered. */
import { type Answer, badToken, graphError, unknownField, unknownObject, unknownPath } from "./graph-error.ts";
import { asList, asObject, asText, type Json, parseObject } from "./json.ts";
import type { TwinLine } from "./line.ts";
import { refuse } from "./message-request.ts";
import type { TwinNumber } from "./number.ts";
import type { TwinRequest } from "./server.ts";
import { type StoredTemplate, type Templates, type TwinTemplate, templatePage } from "./templates.ts";

export interface GraphDeps {
  lines: ReadonlyMap<string, TwinLine>;
  templates: Templates;
  /** A template was handed in, and is to be reviewed. */
  onCreated: (template: StoredTemplate) => void;
}

export function createGraph({ lines, templates, onCreated }: GraphDeps): (request: TwinRequest) => Promise<Answer> {
  async function answer(request: TwinRequest): Promise<Answer> {
    const [, id = "", edge = "", rest] = /^(?:\/v\d+\.\d+)?\/(\d+)(?:\/(\w+))?(\/.*)?$/.exec(request.path) ?? [];
    if (id === "" || rest !== undefined) return unknownPath(request.path);
    const token = /^(?:Bearer|OAuth) (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? request.query.get("access_token");
    const owned = [...lines.values()].filter((line) => line.number().accessToken === token);
    if (owned.length === 0) return badToken();
    const line = lines.get(id);
    if (line !== undefined && owned.includes(line)) return atNumber(line, edge, request);
    const account = owned.find((one) => one.number().businessAccountId === id);
    if (account !== undefined) return atAccount(id, edge, request, owned);
    return unknownObject(request.method === "POST" ? "post" : "get", id);
  }

  async function atNumber(line: TwinLine, edge: string, request: TwinRequest): Promise<Answer> {
    if (request.method === "GET" && edge === "") return numberAnswer(line, request.query.get("fields"));
    if (request.method !== "POST" || edge !== "messages") return unknownPath(request.path);
    const body = parseObject(request.body);
    return body === null ? graphError(refuse(100, "The body is not a JSON object").refusal) : line.take(body);
  }

  function atAccount(id: string, edge: string, request: TwinRequest, owned: readonly TwinLine[]): Answer {
    const { method, query } = request;
    if (edge === "message_templates" && method === "GET") {
      const shown = new URLSearchParams(query);
      shown.delete("access_token");
      const page = templatePage(templates.ofAccount(id), shown, `http://${request.headers.host}${request.path}`);
      return page.ok ? ok(page.value) : graphError(page.refusal);
    }
    if (edge === "message_templates" && method === "POST") return create(id, parseObject(request.body));
    if (edge === "phone_numbers" && method === "GET") {
      const numbers = owned.filter((one) => one.number().businessAccountId === id);
      return ok({ data: numbers.map((one) => fieldsOf(one, DEFAULT_FIELDS)) });
    }
    if (edge === "subscribed_apps" && method === "POST") return ok({ success: true });
    return unknownPath(request.path);
  }

  function create(businessAccountId: string, body: Json | null): Answer {
    const template = body === null ? null : readTemplate(body);
    if (template === null) return graphError({ code: 100, details: "name, language, category and components are mandatory" });
    const { name, language } = template;
    if (templates.find(businessAccountId, name, language) !== null) {
      return graphError({ code: 100, details: `There is already content in ${language} for the template ${name}` });
    }
    const created = templates.put({ ...template, status: "PENDING", businessAccountId });
    onCreated(created);
    return ok({ id: created.id, status: created.status, category: created.category });
  }

  return answer;
}

function ok(body: unknown): Answer {
  return { kind: "json", status: 200, body };
}

/** A template as Meta takes it; null where it is none. */
export function readTemplate(body: Json): TwinTemplate | null {
  const name = asText(body["name"]);
  const language = asText(body["language"]);
  const category = (["MARKETING", "UTILITY", "AUTHENTICATION"] as const).find((one) => one === body["category"]);
  const components = asList(body["components"])?.map(asObject);
  if (name === null || !/^[a-z0-9_]{1,512}$/.test(name) || language === null || category === undefined) return null;
  if (components === undefined || !components.every((component) => component !== null)) return null;
  return { name, language, category, components };
}

const DEFAULT_FIELDS = [
  "verified_name",
  "code_verification_status",
  "display_phone_number",
  "quality_rating",
  "platform_type",
  "throughput",
];

/** The tiers that Meta has; a number with a bound between them shows the next one. */
const TIERS = [
  [250, "TIER_250"],
  [2_000, "TIER_2K"],
  [10_000, "TIER_10K"],
  [100_000, "TIER_100K"],
  [Number.POSITIVE_INFINITY, "TIER_UNLIMITED"],
] as const;

function allFieldsOf(line: TwinLine): Json {
  const { phoneNumberId, displayPhoneNumber, verifiedName, messagesPerSecond, recipientsPerDay } = line.number();
  const { warning } = line.simulator.behaviour();
  const [, tier] = TIERS.find(([recipients]) => (recipientsPerDay ?? Number.POSITIVE_INFINITY) <= recipients) ?? TIERS[4];
  return {
    id: phoneNumberId,
    verified_name: verifiedName,
    display_phone_number: displayPhoneNumber,
    code_verification_status: "VERIFIED",
    name_status: "APPROVED",
    quality_rating: warning === null ? "GREEN" : "RED",
    health_status: healthOf(line.number(), warning),
    messaging_limit_tier: tier,
    whatsapp_business_manager_messaging_limit: tier,
    throughput: { level: (messagesPerSecond ?? Number.POSITIVE_INFINITY) > 80 ? "HIGH" : "STANDARD" },
    status: "CONNECTED",
    account_mode: "LIVE",
    platform_type: "CLOUD_API",
    is_official_business_account: false,
  };
}

function healthOf({ phoneNumberId, businessAccountId }: TwinNumber, warning: string | null): Json {
  const can_send_message = warning === null ? "AVAILABLE" : "LIMITED";
  const limits = warning === null ? {} : { additional_info: [warning] };
  const entities = [
    { entity_type: "PHONE_NUMBER", id: phoneNumberId, can_send_message, ...limits },
    { entity_type: "WABA", id: businessAccountId, can_send_message: "AVAILABLE" },
  ];
  return { can_send_message, entities };
}

function fieldsOf(line: TwinLine, fields: readonly string[]): Json {
  const all = allFieldsOf(line);
  return Object.fromEntries([...fields, "id"].map((field) => [field, all[field]]));
}

function numberAnswer(line: TwinLine, asked: string | null): Answer {
  const fields = asked === null ? DEFAULT_FIELDS : asked.split(",").filter((field) => field !== "");
  const known = allFieldsOf(line);
  const unknown = fields.find((field) => !(field in known));
  if (unknown !== undefined) return unknownField(unknown);
  return ok(fieldsOf(line, fields));
}
