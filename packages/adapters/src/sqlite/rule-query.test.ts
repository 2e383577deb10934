/** SQLite finds the leads that a rule means, and finds them by its indexes. */
import { describeRuleMeaning } from "@mini-crm/core/contracts/rule-meaning";
import { sampleComparisons } from "@mini-crm/core/contracts/rule-samples";
import { SAMPLE_NOW as NOW } from "@mini-crm/core/contracts/rule-vocabulary";
import type { Lead } from "@mini-crm/core/lead/lead";
import { parseRule } from "@mini-crm/core/segment/parse-rule";
import type { Rule } from "@mini-crm/core/segment/rule";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { openConnection, text } from "./connection.ts";
import { contactsOf, insertContact, writeLead } from "./lead-rows.ts";
import { compileRule } from "./rule-query.ts";
import { migrate } from "./schema.ts";

const connection = openConnection(":memory:", "read-write");
migrate(connection.db, Date.now());
afterAll(() => connection.close());

function fill(leads: Lead[]): void {
  connection.transaction(() => {
    connection.run("DELETE FROM lead");
    connection.run("DELETE FROM lead_contact");
    for (const lead of leads) {
      writeLead(connection, lead);
      for (const { kind, value } of contactsOf(lead)) insertContact(connection, kind, value, lead._id);
    }
  });
}

function select(rule: Rule, now: number): string[] {
  const { sql, params } = compileRule(rule, now);
  return connection.all(`SELECT _id FROM lead WHERE ${sql}`, ...params).map((row) => text(row, "_id"));
}

describeRuleMeaning("SQLite", async (leads, rules, now) => {
  fill(leads);
  return rules.map((rule) => select(rule, now));
});

function comparison(field: string, operator: string, value?: unknown): Rule {
  const left = { type: "comparison", operator, left: { type: "field", value: field } };
  const read = parseRule(value === undefined ? left : { ...left, right: { type: "literal", value } });
  if (!read.ok) throw new Error(read.problem.message);
  return read.rule;
}

describe("the plan", () => {
  const planOf = (rule: Rule): string => {
    const { sql, params } = compileRule(rule, NOW);
    const rows = connection.all(`EXPLAIN QUERY PLAN SELECT count(*) FROM lead WHERE ${sql}`, ...params);
    return rows.map((row) => text(row, "detail")).join("\n");
  };

  test.each([
    [comparison("total_spend", ">", 1000), "SEARCH lead USING COVERING INDEX lead_total_spend (total_spend>?)"],
    [comparison("visits", "BETWEEN", [1, 5]), "SEARCH lead USING COVERING INDEX lead_visits (visits>? AND visits<?)"],
    [comparison("visits", "IN", [1, 5]), "SEARCH lead USING COVERING INDEX lead_visits (visits=?)"],
    [comparison("last_order_at", "WITHIN_LAST", "30d"), "INDEX lead_last_order_at (last_order_at>? AND last_order_at<?)"],
    [comparison("external_id", "==", "x-1"), "INDEX lead_external_id (external_id=?)"],
    [comparison("emails", "==", "john.doe@example.com"), "SEARCH lead_contact USING PRIMARY KEY (kind=? AND value=?)"],
    [comparison("emails", "IN", ["john.doe@example.com"]), "SEARCH lead_contact USING PRIMARY KEY (kind=? AND value=?)"],
    [comparison("phones", "STARTS_WITH", "+49"), "SEARCH lead_contact USING PRIMARY KEY (kind=? AND value>? AND value<?)"],
  ])("of %j goes by an index and never through all leads", (rule, step) => {
    const plan = planOf(rule);
    expect(plan).toContain(step);
    expect(plan).not.toContain("SCAN lead");
  });

  test("of the walkthrough's nested rule goes by an index on either side of its OR", () => {
    const rich: Rule = { op: "AND", children: [comparison("total_spend", ">", 2000), comparison("visits", ">=", 10)] };
    const plan = planOf({ op: "OR", children: [rich, comparison("emails", "IN", ["john.doe@example.com"])] });
    expect(plan).toContain("MULTI-INDEX OR");
    expect(plan).toMatch(/SEARCH lead USING INDEX lead_(total_spend|visits)/);
    expect(plan).toContain("SEARCH lead_contact USING PRIMARY KEY (kind=? AND value=?)");
    expect(plan).not.toContain("SCAN lead");
  });

  test("of a thousand e-mail addresses in one OR stays with the index", () => {
    const children = Array.from({ length: 999 }, (_, index) => comparison("emails", "==", `person${index}@example.com`));
    expect(planOf({ op: "OR", children })).not.toContain("SCAN lead");
  });
});

test("a prefix ends where the next begins, even before the gap that surrogates leave", () => {
  const [sample] = fc.sample(sampleComparisons(1), { numRuns: 1, seed: 1 });
  const [lead] = sample?.leads ?? [];
  if (lead === undefined) throw new Error("No lead to begin with");
  const names = ["\ud7ff", "\ud7ffx", "\ue000", "\ufffd", "\u{10ffff}", "\u{10ffff}x"];
  fill(names.map((name, index) => ({ ...lead, _id: `${index}`.padStart(24, "0"), external_id: null, name })));
  const namesFrom = (prefix: string) => select(comparison("name", "STARTS_WITH", prefix), NOW).map((id) => names[Number(id)]);
  expect(namesFrom("\ud7ff")).toEqual(["\ud7ff", "\ud7ffx"]);
  expect(namesFrom("\u{10ffff}")).toEqual(["\u{10ffff}", "\u{10ffff}x"]);
});

test("is 1 or 0 for every lead, never NULL, so that it can be negated and counted", () => {
  fc.assert(
    fc.property(sampleComparisons(20), ({ leads, rules }) => {
      fill(leads);
      for (const rule of rules) {
        const { sql, params } = compileRule(rule, NOW);
        const values = connection.all(`SELECT DISTINCT ${sql} AS value FROM lead`, ...params).map((row) => row["value"]);
        expect([0, 1]).toEqual(expect.arrayContaining(values));
      }
    }),
    { numRuns: 20 },
  );
});
