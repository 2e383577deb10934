/** Owns the translation of schema violations into problems that a person can act on. */
import type { Problem } from "@mini-crm/core/problem";
import { clip, closest } from "@mini-crm/core/text";
import type { FastifySchemaValidationError } from "fastify";

type Violation = FastifySchemaValidationError;

const UNKNOWN = "unknown_field";

/**
 * Turns TypeBox's violations of a request's `part` (`body`, `querystring`, `params`) into at most one problem per field. Unknown
 * fields come first: a misspelt one explains what is missing.
 */
export function problemsOf(violations: readonly Violation[], part: string): Problem[] {
  const told = withoutNull(violations);
  const choices = told.filter(({ keyword }) => keyword === "anyOf").map(alternativesOf);
  // What each alternative of a choice lacks is told by the choice.
  const own = told.filter(({ schemaPath }) => !choices.some((prefix) => schemaPath.startsWith(prefix)));
  const problems = new Map<string, Problem>();
  for (const problem of own.flatMap((violation) => problemsIn(violation, told, noun(part)))) {
    if (!problems.has(problem.field)) problems.set(problem.field, problem);
  }
  return [...problems.values()].sort((a, b) => Number(b.rule === UNKNOWN) - Number(a.rule === UNKNOWN));
}

/** A choice between null and one other schema is no choice where something is given: only what is wrong by the other is told. */
function withoutNull(violations: readonly Violation[]): Violation[] {
  const choices = violations.filter((violation) => violation.keyword === "anyOf" && isOneOrNull(violation, violations));
  const paths = new Set(choices.map(({ schemaPath }) => schemaPath));
  return violations.flatMap((violation) => {
    if (choices.includes(violation)) return [];
    if (violation.keyword !== "type" || !paths.has(choiceOf(violation))) return [violation];
    if (isNullWanted(violation)) return [];
    return [{ ...violation, params: { ...violation.params, type: [...names(violation.params["type"]), "null"] } }];
  });
}

function isOneOrNull(choice: Violation, all: readonly Violation[]): boolean {
  const prefix = alternativesOf(choice);
  const inside = all.filter(({ schemaPath }) => schemaPath.startsWith(prefix));
  const alternatives = new Set(inside.map(({ schemaPath }) => schemaPath.slice(prefix.length).split("/", 1)[0]));
  return alternatives.size === 2 && inside.some((one) => isNullWanted(one) && choiceOf(one) === choice.schemaPath);
}

function isNullWanted({ keyword, params }: Violation): boolean {
  return keyword === "type" && params["type"] === "null";
}

/** The choice that `violation` breaks an alternative of as a whole. */
function choiceOf({ schemaPath }: Violation): string {
  return schemaPath.replace(/\/anyOf\/\d+$/, "");
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
        { field: clip(at), rule: UNKNOWN, message: `${subject} is not a field of this ${part}: ${adviceOn(violation, at)}` },
      ];
    case "required":
      return names(params["requiredProperties"]).map((name) => {
        const field = within(at, name);
        return { field, rule: "required", message: `${quoted(field)} is required: add it to the ${part}.` };
      });
  }
  return [{ field: at, rule: ruleName(keyword), message: `${subject} ${demand(violation, all)}.` }];
}

/** What to do about the unknown field `at`. */
function adviceOn({ instancePath, params }: Violation, at: string): string {
  const name = fieldAt(instancePath.slice(instancePath.lastIndexOf("/")));
  const meant = closest(name, names(params["known"]));
  return meant === null ? "leave it out, or check its spelling." : `did you mean ${quoted(at.slice(0, -name.length) + meant)}?`;
}

function alternativesOf({ schemaPath }: Violation): string {
  return `${schemaPath}/anyOf/`;
}

/** The rest of a sentence that begins with the field: what it must be. */
function demand(violation: Violation, all: readonly Violation[]): string {
  const { keyword, params } = violation;
  const limit = String(params["limit"]);
  if (typeof params["words"] === "string") return params["words"];
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
      return limit === "1" ? "must not be empty" : `must have at least ${limit} entries`;
    case "maxItems":
      return `must have at most ${limit} entries`;
    case "minimum":
      return `must be ${limit} or more`;
    case "maximum":
      return `must be ${limit} or less`;
    case "exclusiveMinimum":
      return `must be more than ${limit}`;
    case "exclusiveMaximum":
      return `must be less than ${limit}`;
    case "format":
      return params["format"] === "date-time" ? WANTED_TIME : `must be written as ${String(params["format"])}`;
    case "uniqueItems":
      return "must not hold the same entry twice";
    default:
      return violation.message ?? "is not valid";
  }
}

const WANTED_TIME = 'must be a time with its zone, such as "2026-12-24T18:00:00Z"';

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
