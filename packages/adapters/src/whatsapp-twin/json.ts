/** Owns how the twin reads JSON from outside. */

export type Json = Record<string, unknown>;

export function asObject(value: unknown): Json | null {
  return isObject(value) ? value : null;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function asList(value: unknown): readonly unknown[] | null {
  return Array.isArray(value) ? value : null;
}

/** A text of 1 to `longest` characters. */
export function asText(value: unknown, longest = Number.POSITIVE_INFINITY): string | null {
  return typeof value === "string" && value !== "" && value.length <= longest ? value : null;
}

/** An object in JSON; null for anything else. */
export function parseObject(text: string): Json | null {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return null;
  }
}
