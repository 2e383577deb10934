/** SQLite finds the leads that a rule means, and finds them by its indexes. */
import { describeRuleMeaning } from "@mini-crm/core/contracts/rule-meaning";
import type { Lead } from "@mini-crm/core/lead/lead";
import type { Comparison, Rule } from "@mini-crm/core/segment/rule";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { openConnection, text } from "./connection.ts";
import { contactsOf, insertContact, writeLead } from "./lead-rows.ts";
import { compileRule } from "./rule-query.ts";
import { migrate } from "./schema.ts";

const connection = openConnection(":memory:", "read-write");
migrate(connection.db);
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
