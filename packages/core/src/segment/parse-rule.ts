/** Owns what may come in as a rule: it turns untrusted JSON into a rule that every engine can carry out, or says what is wrong. */
import { unreachable } from "../app-error.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import type { Problem } from "../problem.ts";
import { closest, quote } from "../text.ts";
import { operatorsOf, parseField } from "./fields.ts";
import {
  broken,
  type Parsed,
  parseList,
  parseOrdered,
  parsePair,
  parsePeriod,
  parseScalar,
  parseTextPart,
  type Subject,
} from "./literals.ts";
import { COMPARISON_OPERATORS, type Comparison, type ComparisonOperator, type Rule } from "./rule.ts";

export type RuleRead = { ok: true; rule: Rule } | { ok: false; problem: Problem };

const MAX_DEPTH = 32;
const MAX_NODES = 1000;

/**
 * Reads a rule out of anything that `JSON.parse` can return, and says of the first thing wrong where it is (a path from
 * `rule_ast` on) and what to do. What the rule language does not know is left behind.
 */
export function parseRule(input: unknown): RuleRead {
  const read = parseNode(input, "rule_ast", 1, { nodes: 0 });
  return read.ok ? { ok: true, rule: read.value } : read;
}

/** Recursion ends at `MAX_DEPTH`; `seen` counts over the whole rule. */
function parseNode(input: unknown, at: string, depth: number, seen: { nodes: number }): Parsed<Rule> {
  seen.nodes += 1;
  if (seen.nodes > MAX_NODES) {
    return broken("rule_ast", "max_nodes", `has more than ${MAX_NODES} parts: use IN for long lists of values`);
  }
  if (depth > MAX_DEPTH) return broken(at, "max_depth", `is more than ${MAX_DEPTH} levels deep: flatten the rule`);
  if (!isJsonObject(input)) {
    return broken(at, "type", 'must be an object: a {"type":"comparison",…}, or an {"op":"AND","children":[…]}');
  }
  const isCombination = "op" in input || "children" in input;
  if (isCombination && ("operator" in input || "left" in input || "right" in input)) {
    return broken(at, "ambiguous", "is both a comparison and a combination: leave out either `op` and `children`, or the rest");
  }
  return isCombination ? parseCombination(input, at, depth, seen) : parseComparison(input, at);
}

function parseCombination(input: JsonObject, at: string, depth: number, seen: { nodes: number }): Parsed<Rule> {
  const { op, children } = input;
  if (op !== "AND" && op !== "OR" && op !== "NOT") return broken(`${at}.op`, "one_of", "must be AND, OR or NOT");
  if (!Array.isArray(children)) return broken(`${at}.children`, "type", "must be a list of rules");
  if (op === "NOT" && children.length !== 1) {
    return broken(
      `${at}.children`,
      "items",
      `must have exactly one rule under NOT, not ${children.length}: use AND or OR inside`,
    );
  }
  const rules: Rule[] = [];
  for (const [index, child] of children.entries()) {
    const read = parseNode(child, `${at}.children[${index}]`, depth + 1, seen);
    if (!read.ok) return read;
    rules.push(read.value);
  }
  const [first] = rules;
  if (first === undefined) return broken(`${at}.children`, "min_items", `must have at least one rule under ${op}`);
  return { ok: true, value: op === "NOT" ? { op, children: [first] } : { op, children: rules } };
}

function parseComparison(input: JsonObject, at: string): Parsed<Comparison> {
  if (input["type"] !== "comparison") {
    return broken(`${at}.type`, "one_of", 'must be "comparison"; a combination has `op` and `children` instead');
  }
  const left = input["left"];
  if (!isJsonObject(left) || left["type"] !== "field" || typeof left["value"] !== "string") {
    return broken(`${at}.left`, "type", 'must name a field: {"type":"field","value":"total_spend"}');
  }
  const name = left["value"];
  const read = parseField(name);
  if (!read.ok) return broken(`${at}.left.value`, read.rule, read.problem);
  const subject: Subject = { field: read.field, name };
  const operator = parseOperator(input["operator"], subject, `${at}.operator`);
  if (!operator.ok) return operator;
  return parseRight(operator.value, subject, input["right"], `${at}.right`);
}

function parseOperator(operator: unknown, { field, name }: Subject, at: string): Parsed<ComparisonOperator> {
  const known = COMPARISON_OPERATORS.find((candidate) => candidate === operator);
  const allowed = operatorsOf(field);
  if (known === undefined) {
    const given = typeof operator === "string" ? `, not ${quote(operator)}` : "";
    const meant = typeof operator === "string" ? meantOperator(operator) : null;
    const advice = meant === null ? "" : `; did you mean ${meant}?`;
    return broken(at, "one_of", `must be one of ${allowed.join(" ")}${given}${advice}`);
  }
  if (allowed.includes(known)) return { ok: true, value: known };
  return broken(at, "operator_for_field", `is ${known}, which says nothing about \`${name}\`: use one of ${allowed.join(" ")}`);
}

/** Symbols of other languages, which no count of edits tells apart. */
const FOREIGN_OPERATORS = new Map<string, ComparisonOperator>([
  ["=", "=="],
  ["===", "=="],
  ["<>", "!="],
  ["!==", "!="],
  ["=>", ">="],
  ["=<", "<="],
]);

function meantOperator(written: string): string | null {
  const words = COMPARISON_OPERATORS.filter((operator) => /[A-Z]/.test(operator));
  return FOREIGN_OPERATORS.get(written) ?? closest(written, words);
}

/** Reads the literal that `operator` needs, and puts the comparison together. */
function parseRight(operator: ComparisonOperator, subject: Subject, given: unknown, at: string): Parsed<Comparison> {
  const left = { type: "comparison", left: { type: "field", value: subject.name } } as const;
  const literal = isJsonObject(given) && given["type"] === "literal" ? given["value"] : undefined;
  if (operator === "EXISTS" || operator === "NOT_EXISTS") {
    // Some clients fill in a right side everywhere. Only one that cannot mean the opposite is passed over.
    const isIdle = given === undefined || given === null || literal === true || literal === null;
    if (isIdle) return { ok: true, value: { ...left, operator } };
    return broken(at, "unexpected", `means nothing beside ${operator}: leave it out`);
  }
  if (literal === undefined) {
    return broken(at, "required", `must hold what ${operator} compares with: {"type":"literal","value":…}`);
  }
  const where = `${at}.value`;
  switch (operator) {
    case "==":
    case "!=":
      return against(parseScalar(literal, subject, where), (right) => ({ ...left, operator, right }));
    case ">":
    case ">=":
    case "<":
    case "<=":
      return against(parseOrdered(literal, subject, where), (right) => ({ ...left, operator, right }));
    case "IN":
    case "NOT_IN":
      return against(parseList(literal, subject, where), (right) => ({ ...left, operator, right }));
    case "BETWEEN":
      return against(parsePair(literal, subject, where), (right) => ({ ...left, operator, right }));
    case "CONTAINS":
    case "NOT_CONTAINS":
    case "STARTS_WITH":
    case "ENDS_WITH":
      return against(parseTextPart(literal, subject, where), (right) => ({ ...left, operator, right }));
    case "WITHIN_LAST":
    case "NOT_WITHIN_LAST":
      return against(parsePeriod(literal, where), (right) => ({ ...left, operator, right }));
    default:
      return unreachable(operator);
  }
}

function against<Value>(
  read: Parsed<Value>,
  compare: (right: { type: "literal"; value: Value }) => Comparison,
): Parsed<Comparison> {
  return read.ok ? { ok: true, value: compare({ type: "literal", value: read.value }) } : read;
}
