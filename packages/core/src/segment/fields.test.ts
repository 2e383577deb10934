/** How rules name what they compare. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { metadataFieldName, operatorsOf, parseField } from "./fields.ts";

function pathOf(name: string): string[] {
  const read = parseField(name);
  if (!read.ok || read.field.kind !== "metadata") throw new Error(`Not a metadata field: ${name}`);
  return read.field.path;
}

test("a lead's own fields are known by their names, with their types", () => {
  expect(parseField("total_spend")).toEqual({ ok: true, field: { kind: "scalar", name: "total_spend", type: "number" } });
  expect(parseField("consent.at")).toEqual({ ok: true, field: { kind: "scalar", name: "consent.at", type: "date" } });
  expect(parseField("tags")).toEqual({ ok: true, field: { kind: "list", name: "tags" } });
});

test.each([
  ["metadata.tier", ["tier"]],
  ["metadata.address.city", ["address", "city"]],
  ['metadata."a.b".c', ["a.b", "c"]],
  ['metadata.c."a.b"', ["c", "a.b"]],
  ['metadata."say \\"a\\\\b\\""', ['say "a\\b"']],
  ["metadata.a\\b", ["a\\b"]],
  ["metadata.total spend", ["total spend"]],
  ["metadata.0.$x", ["0", "$x"]],
])("%s goes down the keys %j", (name, path) => {
  expect(pathOf(name)).toEqual(path);
});

test.each([
  "metadata",
  "metadata.",
  "metadata..a",
  "metadata.a.",
  'metadata."a',
  'metadata."a"b',
  'metadata.a"b"',
  'metadata.""',
  "metadata.__proto__.x",
  "metadata.a.constructor",
  'metadata."prototype"',
  "metadata.a\0b",
  "metadata.\ud83d",
  `metadata.${"x".repeat(500)}`,
  `metadata${".a".repeat(9)}`,
])("%j is no path", (name) => {
  expect(parseField(name)).toMatchObject({ ok: false, rule: "path" });
});

test.each(["", "tier", "Total_Spend", "__proto__", "toString", "consent.state", "metadatax.a", "metadata_"])(
  "%j is no field",
  (name) => {
    expect(parseField(name)).toMatchObject({ ok: false, rule: "unknown_field" });
  },
);

test("every path that metadata can hold has a name", () => {
  const key = fc.string({
    minLength: 1,
    maxLength: 20,
    unit: fc.constantFrom(".", '"', "\\", " ", "a", "$", "é", "\u{1f600}", "\n"),
  });
  fc.assert(
    fc.property(fc.array(key, { minLength: 1, maxLength: 8 }), (path) => {
      expect(pathOf(metadataFieldName(path))).toEqual(path);
    }),
  );
});

describe("operators", () => {
  const operators = (name: string) => {
    const read = parseField(name);
    return read.ok ? operatorsOf(read.field) : [];
  };
  test("only texts are searched, only dates are relative, and metadata takes all", () => {
    expect(operators("emails")).toContain("CONTAINS");
    expect(operators("visits")).not.toContain("CONTAINS");
    expect(operators("last_order_at")).toContain("WITHIN_LAST");
    expect(operators("name")).not.toContain("WITHIN_LAST");
    expect(operators("metadata.a")).toHaveLength(17);
  });
});
