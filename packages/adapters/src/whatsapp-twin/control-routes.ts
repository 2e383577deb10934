/**
 * Owns the twin's own routes, beside Meta's: what somebody who tries things out, or a test, asks of it over HTTP.
 *
 * - `GET /twin`: how it behaves, its numbers (without secrets), faults and templates.
 * - `PATCH /twin`: any switches of `SimulatorBehaviour`, such as `{"unreachable": true}`; with `phone_number_id` only for that
 *   number. `faults` replaces the errors on demand: `[{"code": 130429, "next": 5}, {"status": 503, "outcome": "leaves"}]`, each
 *   with `share`, `to`, `phone_number_id` and `outcome` (`refused`, `leaves` or `later`) where wanted.
 * - `GET /twin/outbox?page&limit&message_id&to&line`: what really left.
 * - `POST /twin/texts` `{from, text, name?, hides_phone?, phone_number_id?}`: somebody writes to a number, else to the first one.
 * - `POST /twin/preferences` `{from, value: "stop" | "resume", phone_number_id?}`: WhatsApp's own setting.
 * - `POST /twin/numbers`: adds a number, or changes it; the fields are those of `TwinNumber`, in snake_case.
 * - `POST /twin/verifications` `{phone_number_id}`: asks its webhook for the challenge, as Meta does when the address is set.
 * - `POST /twin/templates` `{name, language, category, components, status?, business_account_id?}`: adds one, or replaces it.
 * - `PATCH /twin/templates` `{name, language, status}`: changes its status, and tells the webhooks.
 */
import type { Instant } from "@mini-crm/core/instant";
import type { SentText } from "../whatsapp-simulator/outbox.ts";
import type { SimulatorControls } from "../whatsapp-simulator/simulator.ts";
import { type Given, readBehaviour, readFaults, readNumber, readPreference, readText } from "./control-input.ts";
import type { Faults } from "./faults.ts";
import type { Answer } from "./graph-error.ts";
import { readTemplate } from "./graph-routes.ts";
import { asText, type Json, parseObject } from "./json.ts";
import type { TwinLine } from "./line.ts";
import type { TwinNumber } from "./number.ts";
import type { TwinRequest } from "./server.ts";
import { type Templates, templateJson } from "./templates.ts";

export interface ControlDeps {
  lines: ReadonlyMap<string, TwinLine>;
  faults: Faults;
  templates: Templates;
  controls: SimulatorControls;
  addNumber: (number: TwinNumber) => Promise<void>;
  verifyWebhook: (phoneNumberId: string) => Promise<{ ok: true } | { ok: false; reason: string }>;
  /** False where there is no such template. */
  setStatus: (name: string, language: string, status: string) => boolean;
}

type Route = (deps: ControlDeps, body: Json, query: URLSearchParams) => Promise<Answer> | Answer;

const ROUTES: Readonly<Record<string, Route>> = {
  "GET /twin": (deps) => done(stateOf(deps)),
  "PATCH /twin": change,
  "GET /twin/outbox": ({ controls }, _body, query) => outbox(controls, query),
  "POST /twin/texts": (deps, body) =>
    atLine(deps, body, readText, (line, text) => {
      const { at, ...received } = line.receive(text);
      return { ...received, at: iso(at) };
    }),
  "POST /twin/preferences": (deps, body) =>
    atLine(deps, body, readPreference, (line, preference) => {
      line.prefer(preference);
      return preference;
    }),
  "POST /twin/numbers": addNumber,
  "POST /twin/verifications": verify,
  "POST /twin/templates": addTemplate,
  "PATCH /twin/templates": setStatus,
};

export function createControlRoutes(deps: ControlDeps): (request: TwinRequest) => Promise<Answer> {
  return async ({ method, path, query, headers, body }) => {
    const route = ROUTES[`${method} ${path}`];
    if (route === undefined) return failed(404, "ROUTE_NOT_FOUND", `The twin has no ${method} ${path}`);
    if (method === "GET") return route(deps, {}, query);
    // Pages of other origins cannot send this type without asking first, and so cannot play with the twin.
    if (headers["content-type"]?.startsWith("application/json") !== true) return refused("Send JSON, as application/json");
    const given = parseObject(body);
    return given === null ? refused("The body is not a JSON object") : route(deps, given, query);
  };
}

/** The number that is meant: the named one, else the first. */
function lineOf({ lines }: ControlDeps, body: Json): Given<TwinLine> {
  const id = body["phone_number_id"];
  const line = id === undefined ? [...lines.values()][0] : lines.get(asText(id) ?? "");
  return line === undefined ? { ok: false, reason: "`phone_number_id`: the twin has no such number" } : { ok: true, value: line };
}

/** Does to a number what is asked of it, once that has been read. */
function atLine<T>(
  deps: ControlDeps,
  body: Json,
  read: (body: Json) => Given<T>,
  act: (line: TwinLine, value: T) => unknown,
): Answer {
  const line = lineOf(deps, body);
  if (!line.ok) return refused(line.reason);
  const given = read(body);
  return given.ok ? done(act(line.value, given.value)) : refused(given.reason);
}

function stateOf({ controls, lines, faults, templates }: ControlDeps): Json {
  return {
    behaviour: controls.behaviour(),
    numbers: [...lines.values()].map((line) => publicPart(line.number())),
    faults: faults.list(),
    templates: templates.list().map(templateJson),
  };
}

function change(deps: ControlDeps, body: Json): Answer {
  const { faults: newFaults, phone_number_id, ...switches } = body;
  const behaviour = readBehaviour(switches);
  if (!behaviour.ok) return refused(behaviour.reason);
  const faults = newFaults === undefined ? null : readFaults(newFaults);
  if (faults?.ok === false) return refused(faults.reason);
  const line = phone_number_id === undefined ? null : lineOf(deps, body);
  if (line?.ok === false) return refused(line.reason);
  (line?.value.simulator ?? deps.controls).behave(behaviour.value);
  if (faults !== null) {
    deps.faults.endAll();
    for (const fault of faults.value) deps.faults.add(fault);
  }
  return done(stateOf(deps));
}

function outbox(controls: SimulatorControls, query: URLSearchParams): Answer {
  const page = Number(query.get("page") ?? 1);
  const limit = Number(query.get("limit") ?? 50);
  if (!Number.isInteger(page) || page < 1) return refused("`page` must be a whole number above 0");
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) return refused("`limit` must be a whole number from 1 to 1000");
  const [messageId, to, line] = [query.get("message_id"), query.get("to"), query.get("line")];
  const narrowed = {
    ...(messageId === null ? {} : { messageId }),
    ...(to === null ? {} : { to }),
    ...(line === null ? {} : { line }),
  };
  const { items, total } = controls.outbox({ page, limit, ...narrowed });
  const pagination = { page, limit, total, totalPages: Math.ceil(total / limit) };
  return done({ messages: items.map(sentJson), pagination, sent_more_than_once: controls.sentMoreThanOnce() });
}

async function addNumber(deps: ControlDeps, body: Json): Promise<Answer> {
  const number = readNumber(body);
  if (!number.ok) return refused(number.reason);
  await deps.addNumber(number.value);
  return done(publicPart(number.value));
}

async function verify(deps: ControlDeps, body: Json): Promise<Answer> {
  const line = lineOf(deps, body);
  if (!line.ok) return refused(line.reason);
  const verified = await deps.verifyWebhook(line.value.number().phoneNumberId);
  return verified.ok ? done({ verified: true }) : refused(verified.reason);
}

function addTemplate({ templates }: ControlDeps, body: Json): Answer {
  const template = readTemplate(body);
  if (template === null) return refused("A template has a `name`, a `language`, a `category` and a list of `components`");
  const businessAccountId = asText(body["business_account_id"]);
  return done(templateJson(templates.put({ ...template, businessAccountId, status: asText(body["status"]) ?? "APPROVED" })));
}

function setStatus(deps: ControlDeps, body: Json): Answer {
  const [name, language, status] = ["name", "language", "status"].map((field) => asText(body[field]) ?? "");
  if (name && language && status && deps.setStatus(name, language, status)) return done({ name, language, status });
  return refused("The twin has no such template: give its `name` and `language`, and the new `status`");
}

function done(data: unknown): Answer {
  return { kind: "json", status: 200, body: { success: true, data } };
}

function refused(message: string): Answer {
  return failed(400, "VALIDATION_FAILED", message);
}

function failed(status: number, code: string, message: string): Answer {
  return { kind: "json", status, body: { success: false, error: { message, code } } };
}

/** A number without what only its owner may know. */
function publicPart({ accessToken: _token, appSecret: _secret, verifyToken: _verify, ...shown }: TwinNumber): Json {
  return shown;
}

function sentJson({ handed_over_at, at, receipts, ...sent }: SentText): Json {
  return {
    ...sent,
    handed_over_at: iso(handed_over_at),
    at: iso(at),
    receipts: receipts.map((receipt) => ({ status: receipt.status, at: iso(receipt.at) })),
  };
}

function iso(at: Instant): string {
  return new Date(at).toISOString();
}
