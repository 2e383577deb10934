/** Owns the meaning of rules. Every engine's query is proved equal to it (`contracts/rule-meaning.ts`). */
import { unreachable } from "../app-error.ts";
import type { Instant } from "../instant.ts";
import { parseIsoTime } from "../iso-time.ts";
import { isJsonObject, type JsonValue } from "../json.ts";
import type { Lead } from "../lead/lead.ts";
import { readComparison, type Test } from "./condition.ts";
import type { Field, ScalarField } from "./fields.ts";
import type { OrderOperator, Rule, Scalar } from "./rule.ts";

/**
 * Tells whether `lead` belongs to the audience that `rule` describes at the moment `now`.
 *
 * A comparison with a missing field is false; `!=` and `NOT_…` are the exact negation of their positive form. Of a lead's own
 * fields, `null` and the empty list are missing; in metadata an explicit `null` is a value. Types never coerce: only a number is
 * compared with a number, a string with a string, by code points. A list passes a test where any of its elements does that is
 * neither list nor object, and no path leads through a list.
 */
export function matches(rule: Rule, lead: Lead, now: Instant): boolean {
  if (!("op" in rule)) {
    const { field, test, negated } = readComparison(rule, now);
    return passes(test, valueOf(lead, field)) !== negated;
  }
  switch (rule.op) {
    case "AND":
      return rule.children.every((child) => matches(child, lead, now));
    case "OR":
      return rule.children.some((child) => matches(child, lead, now));
    case "NOT":
      return !matches(rule.children[0], lead, now);
    default:
      return unreachable(rule);
  }
}

/** `undefined` where the field is missing. */
function valueOf(lead: Lead, field: Field): JsonValue | undefined {
  switch (field.kind) {
    case "scalar":
      return scalarOf(lead, field.name) ?? undefined;
    case "list":
      return lead[field.name].length > 0 ? lead[field.name] : undefined;
    case "metadata":
      return field.path.reduce<JsonValue | undefined>(
        (value, key) => (isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined),
        lead.metadata,
      );
    default:
      return unreachable(field);
  }
}

function scalarOf(lead: Lead, name: ScalarField): string | number | null {
  switch (name) {
    case "consent":
      return lead.consent.state;
    case "consent.source":
      return lead.consent.source;
    case "consent.at":
      return lead.consent.at;
    default:
      return lead[name];
  }
}

function passes(test: Test, value: JsonValue | undefined): boolean {
  if (value === undefined) return false;
  if (test.kind === "exists") return true;
  const candidates = Array.isArray(value) ? value : [value];
  return candidates.some((candidate) => isScalar(candidate) && scalarPasses(test, candidate));
}

function isScalar(value: JsonValue): value is Scalar {
  return typeof value !== "object" || value === null;
}

function scalarPasses(test: Exclude<Test, { kind: "exists" }>, value: Scalar): boolean {
  switch (test.kind) {
    case "equal":
      return value === test.value;
    case "in":
      return test.values.includes(value);
    case "order":
      return isOrdered(value, test.operator, test.bound);
    case "between":
      return isOrdered(value, ">=", test.low) && isOrdered(value, "<=", test.high);
    case "text":
      return typeof value === "string" && hasText(value, test.place, test.text);
    case "time": {
      const time = typeof value === "string" ? parseIsoTime(value) : null;
      return time !== null && test.low <= time && time <= test.high;
    }
    default:
      return unreachable(test);
  }
}

function isOrdered(value: Scalar, operator: OrderOperator, bound: string | number): boolean {
  const order = compare(value, bound);
  if (order === null) return false;
  switch (operator) {
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    default:
      return unreachable(operator);
  }
}

/** Negative, 0 or positive; `null` where the two have no order. */
function compare(value: Scalar, bound: string | number): number | null {
  if (typeof value === "number" && typeof bound === "number") return value - bound;
  if (typeof value === "string" && typeof bound === "string") return compareCodePoints(value, bound);
  return null;
}

/** UTF-16 sorts surrogates, which stand for what comes after U+FFFF, before U+E000; code points and UTF-8 bytes do not. */
function compareCodePoints(a: string, b: string): number {
  for (let at = 0; at < a.length && at < b.length; at++) {
    const unitA = a.charCodeAt(at);
    const unitB = b.charCodeAt(at);
    if (unitA !== unitB) return codePointRank(unitA) - codePointRank(unitB);
  }
  return a.length - b.length;
}

function codePointRank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

function hasText(value: string, place: "anywhere" | "start" | "end", text: string): boolean {
  switch (place) {
    case "anywhere":
      return value.includes(text);
    case "start":
      return value.startsWith(text);
    case "end":
      return value.endsWith(text);
    default:
      return unreachable(place);
  }
}
