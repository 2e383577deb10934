/** Owns the translation of schema violations into problems that a person can act on. */
import type { Problem } from "@mini-crm/core/problem";
import { clip } from "@mini-crm/core/text";
import type { FastifySchemaValidationError } from "fastify";

type Violation = FastifySchemaValidationError;

/** Turns TypeBox's violations of a request's `part` (`body`, `querystring`, `params`) into at most one problem per field. */
export function problemsOf(violations: readonly Violation[], part: string): Problem[] {
  const choices = violations.filter(({ keyword }) => keyword === "anyOf").map(alternativesOf);
  const problems = new Map<string, Problem>();
  for (const violation of violations) {
    // What each alternative of a choice lacks is told by the choice.
    if (choices.some((prefix) => violation.schemaPath.startsWith(prefix))) continue;
    for (const problem of problemsIn(violation, violations, noun(part))) {
      if (!problems.has(problem.field)) problems.set(problem.field, problem);
    }
  }
  return [...problems.values()];
}

function problemsIn(violation: Violation, all: readonly Violation[], part: string): Problem[] {
  const { keyword, params, schemaPath } = violation;
  const at = fieldAt(violation.instancePath);
  const subject = at === "" ? `The ${part}` : quoted(at);
  switch (keyword) {
    // TypeBox tells of every unknown field by itself before it tells of all together; one of both is enough.
    case "additionalProperties":
      return [];
    case "boolean":
      if (!schemaPath.endsWith("/additionalProperties")) break;
      return [
        {
          field: clip(at),
          rule: "unknown_field",
          message: `${subject} is not a field of this ${part}: leave it out, or check its spelling.`,
        },
      ];
    case "required":
      return names(params["requiredProperties"]).map((name) => {
        const field = within(at, name);
        return { field, rule: "required", message: `${quoted(field)} is required: add it to the ${part}.` };
      });
  }
  return [{ field: at, rule: ruleName(keyword), message: `${subject} ${demand(violation, all)}.` }];
}

function alternativesOf({ schemaPath }: Violation): string {
  return `${schemaPath}/anyOf/`;
}

/** The rest of a sentence that begins with the field: what it must be. */
function demand(violation: Violation, all: readonly Violation[]): string {
  const { keyword, params } = violation;
  const limit = String(params["limit"]);
  switch (keyword) {
    case "type":
      return `must be ${kind(params["type"])}`;
    case "const":
      return `must be ${JSON.stringify(params["allowedValue"])}`;
    case "enum":
      return `must be one of ${names(params["allowedValues"]).join(", ")}`;
    case "anyOf": {
      const alternatives = all.filter(({ schemaPath }) => schemaPath.startsWith(alternativesOf(violation)));
      return [...new Set(alternatives.map((one) => demand(one, all)))].join(" or ");
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

/** A field as messages show it; unknown fields have names from outside, which may be long. */
function quoted(field: string): string {
  return `\`${clip(field)}\``;
}

function names(value: unknown): string[] {
  return [value].flat().map(String);
}
