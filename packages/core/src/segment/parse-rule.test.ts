/** What a rule may look like, and what is said of one that may not. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRule } from "./parse-rule.ts";
import { COMPARISON_OPERATORS } from "./rule.ts";

function comparison(field: string, operator: string, value?: unknown): Record<string, unknown> {
  const left = { type: "comparison", operator, left: { type: "field", value: field } };
  return value === undefined ? left : { ...left, right: { type: "literal", value } };
}

function problemOf(input: unknown): { field: string; rule: string; message: string } {
  const read = parseRule(input);
  if (read.ok) throw new Error(`Let through: ${JSON.stringify(input)}`);
  return read.problem;
}

function nested(levels: number): unknown {
  let rule: unknown = comparison("visits", "EXISTS");
  for (let level = 1; level < levels; level++) rule = { op: "NOT", children: [rule] };
  return rule;
}

test.each([
  comparison("total_spend", ">", 1000),
  comparison("visits", "BETWEEN", [1, 5]),
  comparison("name", "NOT_CONTAINS", "ann"),
  comparison("consent", "==", "opted_in"),
  comparison("consent.at", "WITHIN_LAST", "12h"),
  comparison("last_order_at", ">=", "2025-01-10"),
  comparison("created_at", "BETWEEN", ["2025-01-10", "2025-01-11T10:00:00+02:00"]),
  comparison("emails", "IN", ["john.doe@example.com"]),
  comparison("tags", "NOT_EXISTS"),
  comparison("metadata.tier", "IN", ["gold", 1, true, null]),
  comparison("metadata.tier", "==", null),
  comparison('metadata."a.b".c', "STARTS_WITH", "x"),
  comparison("metadata.joined", "NOT_WITHIN_LAST", "2w"),
  { op: "NOT", children: [{ op: "OR", children: [comparison("_id", "!=", "x"), comparison("visits", "EXISTS")] }] },
])("%j is a rule, and is read as it stands", (input) => {
  expect(parseRule(input)).toEqual({ ok: true, rule: input });
});

test("what the language does not know is left behind", () => {
  const input = { ...comparison("visits", ">", 1), id: "row-7", note: { deep: true } };
  expect(parseRule(input)).toEqual({ ok: true, rule: comparison("visits", ">", 1) });
});

test("a right side that says nothing beside EXISTS is left behind, one that could mean the opposite is refused", () => {
  for (const value of [true, null]) {
    expect(parseRule(comparison("name", "EXISTS", value))).toEqual({ ok: true, rule: comparison("name", "EXISTS") });
  }
  expect(problemOf(comparison("name", "EXISTS", false))).toMatchObject({ field: "rule_ast.right", rule: "unexpected" });
});

describe("a problem says where it is", () => {
  const fine = comparison("visits", ">", 1);
  test.each([
    [null, "rule_ast", "type"],
    [[], "rule_ast", "type"],
    ["visits > 1", "rule_ast", "type"],
    [{}, "rule_ast.type", "one_of"],
    [{ op: "XOR", children: [fine] }, "rule_ast.op", "one_of"],
    [{ children: [fine] }, "rule_ast.op", "one_of"],
    [{ op: "AND" }, "rule_ast.children", "type"],
    [{ op: "AND", children: [] }, "rule_ast.children", "min_items"],
    [{ op: "NOT", children: [] }, "rule_ast.children", "items"],
    [{ op: "NOT", children: [fine, fine] }, "rule_ast.children", "items"],
    [{ op: "OR", children: [fine, comparison("visits", "=", 1)] }, "rule_ast.children[1].operator", "one_of"],
    [{ op: "OR", children: [fine, { op: "AND", children: [7] }] }, "rule_ast.children[1].children[0]", "type"],
    [{ ...fine, op: "AND", children: [fine] }, "rule_ast", "ambiguous"],
    [{ ...fine, left: "visits" }, "rule_ast.left", "type"],
    [{ ...fine, left: { type: "literal", value: "visits" } }, "rule_ast.left", "type"],
    [{ ...fine, right: 1 }, "rule_ast.right", "required"],
    [{ ...fine, right: { type: "field", value: "total_spend" } }, "rule_ast.right", "required"],
    [comparison("visits", ">"), "rule_ast.right", "required"],
    [comparison("visits", "constructor", 1), "rule_ast.operator", "one_of"],
    [comparison("visits", "CONTAINS", "1"), "rule_ast.operator", "operator_for_field"],
    [comparison("name", "WITHIN_LAST", "30d"), "rule_ast.operator", "operator_for_field"],
    [comparison("total_spent", ">", 1), "rule_ast.left.value", "unknown_field"],
    [comparison("toString", ">", 1), "rule_ast.left.value", "unknown_field"],
    [comparison("metadata", "EXISTS"), "rule_ast.left.value", "path"],
    [comparison("visits", ">", "1000"), "rule_ast.right.value", "type"],
    [comparison("visits", "==", null), "rule_ast.right.value", "type"],
    [comparison("visits", ">", Number.POSITIVE_INFINITY), "rule_ast.right.value", "finite"],
    [comparison("name", "==", 5), "rule_ast.right.value", "type"],
    [comparison("emails", "IN", ["a@b.de", 5]), "rule_ast.right.value[1]", "type"],
    [comparison("last_order_at", ">", 1736503200000), "rule_ast.right.value", "type"],
    [comparison("last_order_at", ">", "2025-02-30"), "rule_ast.right.value", "date"],
    [comparison("last_order_at", ">", "2025-01-10T10:00:00"), "rule_ast.right.value", "date"],
    [comparison("last_order_at", "WITHIN_LAST", "1y"), "rule_ast.right.value", "duration"],
    [comparison("last_order_at", "WITHIN_LAST", "0d"), "rule_ast.right.value", "duration"],
    [comparison("last_order_at", "WITHIN_LAST", "99999w"), "rule_ast.right.value", "duration"],
    [comparison("metadata.since", "WITHIN_LAST", 30), "rule_ast.right.value", "duration"],
    [comparison("metadata.tier", ">", true), "rule_ast.right.value", "type"],
    [comparison("metadata.tier", "==", { a: 1 }), "rule_ast.right.value", "type"],
    [comparison("metadata.tier", "==", ["gold"]), "rule_ast.right.value", "type"],
    [comparison("metadata.tier", "CONTAINS", 5), "rule_ast.right.value", "type"],
    [comparison("metadata.tier", "CONTAINS", ""), "rule_ast.right.value", "min_length"],
    [comparison("metadata.tier", "IN", "gold"), "rule_ast.right.value", "type"],
    [comparison("metadata.tier", "IN", []), "rule_ast.right.value", "min_items"],
    [comparison("metadata.tier", "IN", [["gold"]]), "rule_ast.right.value[0]", "type"],
    [comparison("visits", "IN", new Array(10_001).fill(1)), "rule_ast.right.value", "max_items"],
    [comparison("visits", "BETWEEN", [1]), "rule_ast.right.value", "items"],
    [comparison("visits", "BETWEEN", [1, 2, 3]), "rule_ast.right.value", "items"],
    [comparison("visits", "BETWEEN", [1, "2"]), "rule_ast.right.value[1]", "type"],
    [comparison("metadata.score", "BETWEEN", [1, "2"]), "rule_ast.right.value", "type"],
    [comparison("name", "==", "a\0b"), "rule_ast.right.value", "text"],
    [comparison("name", "==", "\ud83d"), "rule_ast.right.value", "text"],
    [comparison("name", "==", "x".repeat(1001)), "rule_ast.right.value", "max_length"],
  ])("%j breaks the rule of %s: %s", (input, field, rule) => {
    expect(problemOf(input)).toMatchObject({ field, rule });
  });
});

describe("a problem says what to do", () => {
  test("an unknown operator is answered with the field's operators and the one that was probably meant", () => {
    const { message } = problemOf(comparison("visits", "=", 1));
    expect(message).toBe(
      '`rule_ast.operator` must be one of == != IN NOT_IN > >= < <= BETWEEN EXISTS NOT_EXISTS, not "="; did you mean ==?',
    );
    expect(problemOf(comparison("metadata.tier", "not in", ["a"])).message).toContain("did you mean NOT_IN?");
  });

  test("a mistyped field is answered with the nearest", () => {
    expect(problemOf(comparison("totalSpent", ">", 1)).message).toContain('Did you mean "total_spend"?');
    expect(problemOf(comparison("metadta.tier", "==", "gold")).message).toContain('Did you mean "metadata.tier"?');
    expect(problemOf(comparison("tier", "==", "gold")).message).toContain("metadata.<path>");
  });

  test("a literal of another type is answered with the type that the field has", () => {
    expect(problemOf(comparison("total_spend", ">", "1000")).message).toBe(
      "`rule_ast.right.value` must be a number without quotes, such as 1000, which is what `total_spend` can be compared with.",
    );
    expect(problemOf(comparison("name", "==", null)).message).toContain("use NOT_EXISTS");
  });
});

describe("bounds", () => {
  test("32 levels pass, 33 do not", () => {
    expect(parseRule(nested(32)).ok).toBe(true);
    expect(problemOf(nested(33)).rule).toBe("max_depth");
  });

  test("1,000 parts pass, 1,001 do not", () => {
    const children = new Array(999).fill(comparison("visits", ">", 1));
    expect(parseRule({ op: "OR", children }).ok).toBe(true);
    expect(problemOf({ op: "OR", children: [...children, children[0]] })).toMatchObject({ field: "rule_ast", rule: "max_nodes" });
  });

  test("10,000 values in a list and 1,000 characters in a text pass", () => {
    expect(parseRule(comparison("visits", "IN", new Array(10_000).fill(1))).ok).toBe(true);
    expect(parseRule(comparison("name", "==", "x".repeat(1000))).ok).toBe(true);
  });

  test("a rule nested a hundred thousand levels deep is refused without running out of stack", () => {
    const levels = 100_000;
    const text = `${'{"op":"NOT","children":['.repeat(levels)}1${"]}".repeat(levels)}`;
    expect(problemOf(JSON.parse(text)).rule).toBe("max_depth");
  });
});

test("no JSON makes it throw, and what is let through is read the same again", () => {
  const words = fc.constantFrom(
    "op",
    "children",
    "type",
    "operator",
    "left",
    "right",
    "value",
    "comparison",
    "field",
    "literal",
    "AND",
  );
  const leaf = fc.oneof(words, fc.constantFrom(...COMPARISON_OPERATORS), fc.constantFrom("visits", "metadata.a", 1, null, true));
  const { json } = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 5 },
      leaf,
      fc.array(tie("json"), { maxLength: 3 }),
      fc.dictionary(words, tie("json"), { maxKeys: 5 }),
    ),
  }));
  fc.assert(
    fc.property(fc.oneof(json, fc.jsonValue()), (input) => {
      const read = parseRule(input);
      if (read.ok) expect(parseRule(read.rule)).toEqual(read);
      else expect(read.problem.field).toMatch(/^rule_ast/);
    }),
    { numRuns: 2000 },
  );
});

test("addresses and numbers are compared in the spelling that leads have them in", () => {
  const literalOf = (field: string, operator: string, value: unknown) => {
    const read = parseRule({
      type: "comparison",
      operator,
      left: { type: "field", value: field },
      right: { type: "literal", value },
    });
    return read.ok && "right" in read.rule ? read.rule.right?.value : read;
  };
  expect(literalOf("emails", "==", " John@Example.COM ")).toBe("john@example.com");
  expect(literalOf("emails", "ENDS_WITH", "@Example.com")).toBe("@example.com");
  expect(literalOf("phones", "IN", ["+49 (0) 30 123456", "0049 30 123456"])).toEqual(["+4930123456", "+4930123456"]);
  expect(literalOf("phones", "STARTS_WITH", "+49")).toBe("+49");
  expect(literalOf("name", "==", "John")).toBe("John");
});
