import fc from "fast-check";
import { expect, test } from "vitest";
import { isJsonObject, isSameJson, type JsonValue } from "./json.ts";

const json = fc.jsonValue({ maxDepth: 4 }).map((value): JsonValue => JSON.parse(JSON.stringify(value)));

test("a value is the same as its copy, whatever the order of the keys", () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(isSameJson(value, reversed(value))).toBe(true);
    }),
  );
});

/** The same text for the same value, whatever the order of its keys. */
function canonical(value: JsonValue | undefined): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    isJsonObject(part) ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
}

test("two values are the same exactly where nothing in them differs", () => {
  const close = fc.oneof(
    fc.tuple(json, json),
    fc.tuple(fc.dictionary(fc.constantFrom("a", "b"), json), fc.dictionary(fc.constantFrom("a", "b"), json)),
    fc.tuple(fc.array(fc.boolean()), fc.array(fc.boolean())),
  );
  fc.assert(
    fc.property(close, ([a, b]) => {
      const [x, y]: JsonValue[] = JSON.parse(JSON.stringify([a, b]));
      expect(isSameJson(x ?? null, y ?? null)).toBe(canonical(x) === canonical(y));
    }),
  );
});

test("null is not missing, and a list is not an object", () => {
  expect(isSameJson({ a: null }, {})).toBe(false);
  expect(isSameJson({ a: null }, { b: null })).toBe(false);
  expect(isSameJson([], {})).toBe(false);
  expect(isSameJson([null], [])).toBe(false);
  expect(isSameJson("1", 1)).toBe(false);
});

test("only an object is an object", () => {
  expect([{}, [], null, "a", 1, true, undefined].map(isJsonObject)).toEqual([true, false, false, false, false, false, false]);
});

function reversed(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(reversed);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reversed(item)]),
  );
}
