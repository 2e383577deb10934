/** Owns the verbs on segments, and what a rule selects: its count, a sample, and how SQLite carries it out. */
import type { Instant } from "@mini-crm/core/instant";
import type { Lead } from "@mini-crm/core/lead/lead";
import type { Page, PageRequest, RulePlan } from "@mini-crm/core/ports/store";
import type { Rule } from "@mini-crm/core/segment/rule";
import type { Segment } from "@mini-crm/core/segment/segment";
import { type Connection, number, type Row, text } from "./connection.ts";
import { leadColumns, leadOf } from "./lead-rows.ts";
import { compileRule } from "./rule-query.ts";

export function segmentOf(row: Row): Segment {
  return {
    _id: text(row, "_id"),
    name: text(row, "name"),
    owner_user_id: text(row, "owner_user_id"),
    rule_ast: JSON.parse(text(row, "rule_ast")),
    created_at: number(row, "created_at"),
    updated_at: number(row, "updated_at"),
  };
}

export function segmentVerbs(connection: Connection) {
  const readSegment = (id: string): Segment | null => {
    const row = connection.get("SELECT * FROM segment WHERE _id = ?", id);
    return row === undefined ? null : segmentOf(row);
  };

  return {
    createSegment: (segment: Segment): void => {
      connection.run(
        "INSERT INTO segment (_id, name, owner_user_id, rule_ast, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
        segment._id,
        segment.name,
        segment.owner_user_id,
        JSON.stringify(segment.rule_ast),
        segment.created_at,
        segment.updated_at,
      );
    },

    readSegment,

    changeSegment: (
      id: string,
      fields: Partial<Pick<Segment, "name" | "owner_user_id" | "rule_ast">>,
      now: Instant,
    ): Segment | null =>
      connection.transaction(() => {
        const known = readSegment(id);
        if (known === null) return null;
        const changed: Segment = { ...known, ...fields, updated_at: now };
        connection.run(
          "UPDATE segment SET name = ?, owner_user_id = ?, rule_ast = ?, updated_at = ? WHERE _id = ?",
          changed.name,
          changed.owner_user_id,
          JSON.stringify(changed.rule_ast),
          now,
          id,
        );
        return changed;
      }),

    removeSegment: (id: string): { kind: "removed" } | { kind: "not_found" } | { kind: "in_use"; campaigns: string[] } =>
      connection.transaction(() => {
        const users = connection.all(
          `SELECT _id FROM campaign WHERE segment_id = ? AND status IN ('DRAFT', 'SCHEDULED', 'RUNNING', 'PAUSED')
           ORDER BY _id LIMIT 100`,
          id,
        );
        if (users.length > 0) return { kind: "in_use", campaigns: users.map((row) => text(row, "_id")) };
        return connection.run("DELETE FROM segment WHERE _id = ?", id) === 1 ? { kind: "removed" } : { kind: "not_found" };
      }),

    listSegments: (request: PageRequest): Page<Segment> => ({
      items: connection
        .all("SELECT * FROM segment ORDER BY _id DESC LIMIT ? OFFSET ?", request.limit, (request.page - 1) * request.limit)
        .map(segmentOf),
      total: Number(connection.get("SELECT count(*) AS total FROM segment")?.["total"]),
    }),

    countMatches: (rule: Rule, now: Instant): number => countMatches(connection, rule, now),

    sampleMatches: (rule: Rule, limit: number, now: Instant): Lead[] => {
      const { sql, params } = compileRule(rule, now);
      return connection
        .all(`SELECT ${leadColumns("lead")} FROM lead WHERE ${sql} ORDER BY lead._id LIMIT ?`, ...params, limit)
        .map(leadOf);
    },

    explainRule: (rule: Rule, now: Instant): RulePlan => {
      const { sql, params } = compileRule(rule, now);
      const query = `SELECT count(*) FROM lead WHERE ${sql}`;
      const plan = connection.all(`EXPLAIN QUERY PLAN ${query}`, ...params).map((row) => text(row, "detail"));
      return { engine: "sqlite", query, plan };
    },
  };
}

function countMatches(connection: Connection, rule: Rule, now: Instant): number {
  const { sql, params } = compileRule(rule, now);
  const row = connection.get(`SELECT count(*) AS matches FROM lead WHERE ${sql}`, ...params);
  return row === undefined ? 0 : number(row, "matches");
}
