/** Owns what a lead's metadata may hold: any JSON object that every engine can store and search, within bounds. */
import type { JsonObject, JsonValue } from "../json.ts";
import type { Problem } from "../problem.ts";
import { clip, isStorableText, quote } from "../text.ts";
import { LEAD_LIMITS } from "./lead.ts";

/** Keys that mean something to JavaScript itself, which a careless copy would follow. */
export function isForbiddenKey(key: string): boolean {
  return key === "__proto__" || key === "constructor" || key === "prototype";
}

/** What one walk over the metadata counts. */
interface Tally {
  keys: number;
  /** Never less than the metadata's JSON has bytes, and cheaper to know. */
  bytesAtMost: number;
}

/** Returns the first thing that is wrong with `metadata`, or `null`. */
export function metadataProblem(metadata: JsonObject): Problem | null {
  const tally: Tally = { keys: 0, bytesAtMost: 0 };
  const wrong = objectProblem(metadata, 1, tally);
  if (wrong !== null) return { ...wrong, field: `metadata${wrong.field}` };
  if (tally.keys > LEAD_LIMITS.metadataKeys) {
    return about("max_keys", `\`metadata\` has ${tally.keys} keys: keep it to ${LEAD_LIMITS.metadataKeys} in all.`, "metadata");
  }
  if (tally.bytesAtMost <= LEAD_LIMITS.metadataBytes) return null;
  const bytes = new TextEncoder().encode(JSON.stringify(metadata)).length;
  if (bytes <= LEAD_LIMITS.metadataBytes) return null;
  return about("max_bytes", `\`metadata\` is ${bytes} bytes as JSON: keep it to ${LEAD_LIMITS.metadataBytes}.`, "metadata");
}

/** Problems found on the way have the path from `metadata` on, put together on the way back. */
function objectProblem(object: JsonObject, depth: number, tally: Tally): Problem | null {
  if (depth > LEAD_LIMITS.metadataDepth) return tooDeep();
  tally.bytesAtMost += 2;
  for (const key of Object.keys(object)) {
    if (isForbiddenKey(key)) return about("forbidden_key", `A key of \`metadata\` may not be \`${key}\`: give it another name.`);
    tally.keys += 1;
    const wrong = textProblem(key, tally) ?? valueProblem(object[key], depth, tally);
    if (wrong !== null) return { ...wrong, field: `.${clip(key)}${wrong.field}` };
  }
  return null;
}

function listProblem(list: readonly JsonValue[], depth: number, tally: Tally): Problem | null {
  if (depth > LEAD_LIMITS.metadataDepth) return tooDeep();
  tally.bytesAtMost += 2;
  for (const [index, item] of list.entries()) {
    const wrong = valueProblem(item, depth, tally);
    if (wrong !== null) return { ...wrong, field: `[${index}]${wrong.field}` };
  }
  return null;
}

function valueProblem(value: JsonValue | undefined, depth: number, tally: Tally): Problem | null {
  switch (typeof value) {
    case "string":
      return textProblem(value, tally);
    case "number":
      tally.bytesAtMost += 25;
      return Number.isFinite(value) ? null : about("finite", "A number in `metadata` is too large to be kept: write it as text.");
    case "boolean":
      tally.bytesAtMost += 6;
      return null;
    case "object":
      tally.bytesAtMost += 5;
      if (value === null) return null;
      return Array.isArray(value) ? listProblem(value, depth + 1, tally) : objectProblem(value, depth + 1, tally);
    default:
      return about("type", "`metadata` may only hold what JSON can: texts, numbers, true, false, null, lists and objects.");
  }
}

function textProblem(text: string, tally: Tally): Problem | null {
  tally.bytesAtMost += text.length * 6 + 3;
  if (isStorableText(text)) return null;
  return about("text", `A text in \`metadata\` holds a NUL character or half a character: remove it from ${quote(text)}.`);
}

function tooDeep(): Problem {
  return about("max_depth", `\`metadata\` may be ${LEAD_LIMITS.metadataDepth} levels deep: flatten it.`);
}

function about(rule: string, message: string, field = ""): Problem {
  return { field, rule, message };
}
