/** Owns the translation of schema violations into problems that a person can act on. */
import type { Problem } from "@mini-crm/core/problem";
import type { FastifySchemaValidationError } from "fastify";

/** The most problems that one answer lists. */
const MAX_PROBLEMS = 20;

/** Turns TypeBox's violations of a request's `part` (`body`, `querystring`, `params`) into at most one problem per field. */
export function problemsOf(violations: readonly FastifySchemaValidationError[], part: string): Problem[] {
  const alternatives = violations.filter(({ keyword }) => keyword === "anyOf").map(({ schemaPath }) => `${schemaPath}/anyOf/`);
  const told = violations.filter(({ keyword, schemaPath }) => {
    return keyword !== "boolean" && !alternatives.some((prefix) => schemaPath.startsWith(prefix));
  });
  const problems = new Map<string, Problem>();
  for (const violation of told) {
    for (const problem of problemsIn(violation, violations, part)) {
      if (problems.size < MAX_PROBLEMS && !problems.has(problem.field)) problems.set(problem.field, problem);
    }
  }
  return [...problems.values()];
}

function problemsIn(violation: FastifySchemaValidationError, all: readonly FastifySchemaValidationError[], part: string): Problem[] {
  const { keyword, params } = violation;
  const at = fieldAt(violation.instancePath);
  switch (keyword) {
    case "additionalProperties":
      return names(params["additionalProperties"]).map((name) => ({
        field: within(at, name),
        rule: "unknown_field",
        message: `${short(within(at, name))} is not a field of this ${noun(part)}: leave it out, or check its spelling.`,
      }));
    case "required":
      return names(params["requiredProperties"]).map((name) => ({
        field: within(at, name),
        rule: "required",
        message: `${short(within(at, name))} is required: add it to the ${noun(part)}.`,
      }));
    default:
      return [{ field: at, rule: ruleName(keyword), message: `${at === "" ? `The ${noun(part)}` : short(at)} ${demand(violation, all)}.` }];
  }
}

/** The rest of a sentence that begins with the field: what it must be. */
function demand(violation: FastifySchemaValidationError, all: readonly FastifySchemaValidationError[]): string {
  const { keyword, params } = violation;
  const limit = String(params["limit"]);
  switch (keyword) {
    case "type":
      return `must be ${kind(params["type"])}`;
    case "enum":
      return `must be one of ${names(params["allowedValues"]).join(", ")}`;
    case "anyOf": {
      const branches = all.filter(({ schemaPath }) => schemaPath.startsWith(`${violation.schemaPath}/anyOf/`));
      return `must be ${[...new Set(branches.map(alternative))].join(" or ")}`;
    }
    case "minLength":
      return limit === "1" ? "must not be empty" : `must have at least ${limit} characters`;
    case "maxLength":
      return `must have at most ${limit} characters`;
    case "minItems":
      return `must have at least ${limit} entries`;
    case "maxItems":
      return `must have at most ${limit} entries`;
    case "minimum":
      return `must be ${limit} or more`;
    case "maximum":
      return `must be ${limit} or less`;
    default:
      return violation.message ?? "is not valid";
  }
}

function alternative({ keyword, params, message }: FastifySchemaValidationError): string {
  if (keyword === "type") return kind(params["type"]);
  if (keyword === "const") return JSON.stringify(params["allowedValue"]);
  return message ?? keyword;
}

const KINDS: Record<string, string> = {
  string: "text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  object: "an object",
  array: "a list",
  null: "null",
};

function kind(type: unknown): string {
  return names(type)
    .map((name) => KINDS[name] ?? name)
    .join(" or ");
}

function noun(part: string): string {
  switch (part) {
    case "querystring":
      return "query";
    case "params":
      return "path";
    default:
      return part;
  }
}

/** `maxLength` as `max_length`, the style that every other rule name has. */
function ruleName(keyword: string): string {
  if (keyword === "~refine") return "text";
  return keyword.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A JSON pointer such as `/children/0/op` as `children[0].op`. */
function fieldAt(pointer: string): string {
  const parts = pointer.split("/").slice(1);
  return parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~")).reduce(within, "");
}

function within(outer: string, name: string): string {
  if (/^\d+$/.test(name)) return `${outer}[${name}]`;
  return outer === "" ? name : `${outer}.${name}`;
}

/** A name that came from outside, cut to what a message can show. */
function short(name: string): string {
  return name.length <= 80 ? name : `${name.slice(0, 80)}…`;
}

function names(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).slice(0, MAX_PROBLEMS).map(String);
}
