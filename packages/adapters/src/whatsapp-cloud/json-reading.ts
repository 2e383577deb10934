/** Owns the careful reading of JSON that Meta sent: what is not of the expected kind is not there. */
import { isJsonObject, type JsonObject, type JsonValue } from "@mini-crm/core/json";

export function objectAt(object: JsonObject, key: string): JsonObject | null {
  const value = object[key];
  return isJsonObject(value) ? value : null;
}

/** The objects of a list; empty where there is none. */
export function objectsAt(object: JsonObject, key: string): JsonObject[] {
  const value = object[key];
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** A text that every store can hold; null where there is none, or an empty one. */
export function textAt(object: JsonObject | null, key: string): string | null {
  const value = object?.[key];
  return typeof value === "string" ? value.toWellFormed().replaceAll("\0", "") || null : null;
}

/** The bytes as JSON; undefined where they are none. */
export function jsonIn(raw: Uint8Array): JsonValue | undefined {
  try {
    const value: JsonValue = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(raw));
    return value;
  } catch {
    return undefined;
  }
}
