/** Owns message templates: what may be written in one, and what it becomes for a lead. */
import { LiquidError } from "liquidjs";
import type { Instant } from "../instant.ts";
import type { Lead } from "../lead/lead.ts";
import type { Problem } from "../problem.ts";
import { isStorableText } from "../text.ts";
import { namedVariables, type Program, parse, run } from "./engine.ts";
import { TEMPLATE_FIELDS, type TemplateField } from "./fields.ts";
import { syntaxProblem } from "./syntax-problem.ts";
import { variableProblem, variablesOf } from "./variables.ts";

/** WhatsApp's limit for a text, in UTF-16 units; a template has the same one. */
const MAX_TEXT_LENGTH = 4_096;
const MAX_CACHED = 64;

/** A template as it is rendered; for nobody where it was refused. */
export type Template = { readonly program: Program } | { readonly refused: Problem };

export type ParsedTemplate = { ok: true; template: Template } | { ok: false; problem: Problem };

/**
 * What a template became. `blank`: a variable has nothing to say for this lead and no `default`, so sending would leave a hole.
 * `failed`: it cannot be sent as it is, with the reason for people.
 */
export type Rendered = { kind: "text"; text: string } | { kind: "blank"; variable: string } | { kind: "failed"; reason: string };

const cache = new Map<string, Template>();

/** Reads a template, or says what is wrong with it and where. The problem's field is `message_template`. */
export function parseTemplate(source: string): ParsedTemplate {
  if (source.trim() === "") return refusal("required", " is empty: write what the message says");
  if (source.length > MAX_TEXT_LENGTH) {
    return refusal("max_length", ` has ${source.length} characters: keep it to ${MAX_TEXT_LENGTH}, the most that WhatsApp sends`);
  }
  if (!isStorableText(source)) return refusal("text", " holds a NUL character or half a character: take it out");
  try {
    const program = parse(source);
    for (const { path, row, column } of namedVariables(program.nodes)) {
      const problem = variableProblem(path);
      if (problem !== null) return refusal("unknown_variable", `, line ${row}, column ${column}: ${problem}`);
    }
    return { ok: true, template: { program } };
  } catch (error) {
    if (!LiquidError.is(error)) throw error;
    const { rule, message } = syntaxProblem(error);
    return refusal(rule, `, ${place(error)}: ${message}`);
  }
}

/**
 * The template of a text that was found good when it was saved, remembered for the few that are being sent. One that is refused
 * now fails for every lead, with that reason.
 */
export function templateOf(source: string): Template {
  const template = cache.get(source) ?? parsedNow(source);
  cache.delete(source);
  cache.set(source, template);
  const [oldest] = cache.keys();
  if (cache.size > MAX_CACHED && oldest !== undefined) cache.delete(oldest);
  return template;
}

function parsedNow(source: string): Template {
  const parsed = parseTemplate(source);
  return parsed.ok ? parsed.template : { refused: parsed.problem };
}

/** The fields of a lead that `template` reads; `timezone` is what its dates are in. */
export function fieldsOf(template: Template): TemplateField[] {
  if ("refused" in template) return [];
  const roots = namedVariables(template.program.nodes).map(({ path }) => FIELD_BEHIND[String(path[0])] ?? String(path[0]));
  return TEMPLATE_FIELDS.filter((field) => field === "timezone" || roots.includes(field));
}

/** Variables that are not called as the field that they come from. */
const FIELD_BEHIND: Readonly<Record<string, TemplateField>> = { email: "emails", phone: "phones" };

/** Renders `template` for `lead`; `now` is what the template's own "now" means. Dates are in the lead's time zone, else UTC. */
export function render(template: Template, lead: Lead, now: Instant): Rendered {
  if ("refused" in template) return failed(template.refused.message);
  try {
    const result = run(template.program, variablesOf(lead), now, lead.timezone ?? "UTC");
    if (typeof result === "string") return checked(result);
    if (result.kind === "blank") return { kind: "blank", variable: result.variable };
    return failed(`{{ ${result.variable} }} has several fields: name one of them`);
  } catch (error) {
    if (!LiquidError.is(error)) throw error;
    const tooMuch = error.originalError?.message.endsWith("limit exceeded");
    return failed(`${place(error)}: ${tooMuch ? "this repeats too much" : "this cannot be worked out"}`);
  }
}

function checked(text: string): Rendered {
  if (text.trim() === "") return failed("the message is empty");
  if (text.length <= MAX_TEXT_LENGTH) return { kind: "text", text };
  return failed(`the message has ${text.length} characters; WhatsApp takes ${MAX_TEXT_LENGTH}`);
}

function refusal(rule: string, what: string): ParsedTemplate {
  const end = what.endsWith("?") ? "" : ".";
  return { ok: false, problem: { field: "message_template", rule, message: `\`message_template\`${what}${end}` } };
}

function failed(reason: string): Rendered {
  return { kind: "failed", reason };
}

function place(error: LiquidError): string {
  const [row, column] = error.token.getPosition();
  return `line ${row}, column ${column}`;
}
