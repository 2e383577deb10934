/** Owns the looks at the data that find what can only be wrong where something is broken. */
import type { Instant } from "@mini-crm/core/instant";
import type { LeadCheck, OverdueClaim } from "@mini-crm/core/ports/store";
import { type Connection, number, text } from "./connection.ts";
import { foreignVersion } from "./schema.ts";

/** How many problems of one kind are told. */
const MOST_TOLD = 10;
/** How many entries of the index of contacts are held against their leads. */
const MOST_CONTACTS = 100_000;

export function checkVerbs(connection: Connection) {
  return {
    /** A file of another version cannot be judged by this one's rules. */
    integrity: (limit: number): string[] => {
      const version = foreignVersion(connection.db);
      if (version !== null) return [version];
      const rows = connection.all(`PRAGMA quick_check(${Math.floor(limit)})`);
      return rows.map((row) => text(row, "quick_check")).filter((found) => found !== "ok");
    },

    checkLeads: (sample: number): LeadCheck => connection.snapshot(() => checkLeads(connection, sample)),

    overdueClaims: (before: Instant, limit: number): OverdueClaim[] =>
      connection
        .all(
          `SELECT c.worker, c.campaign_id, c.until, count(*) AS messages FROM claim AS c CROSS JOIN message AS m
             ON m.campaign_id = c.campaign_id AND m.lead_id >= c.first AND m.lead_id <= c.last
               AND m.status IN ('CLAIMED', 'SENDING') AND m.worker = c.worker
           WHERE c.until < ? GROUP BY c.rowid ORDER BY c.until LIMIT ?`,
          before,
          limit,
        )
        .map((row) => ({
          worker: text(row, "worker"),
          campaign_id: text(row, "campaign_id"),
          messages: number(row, "messages"),
          until: number(row, "until"),
        })),
  };
}

function checkLeads(connection: Connection, sample: number): LeadCheck {
  const total = countOf(connection, "SELECT leads AS n FROM lead_total");
  const counted = countOf(connection, "SELECT count(*) AS n FROM lead");
  const every = Math.max(1, Math.ceil(counted / sample));
  const looked = countOf(connection, "SELECT count(*) AS n FROM lead WHERE rowid % ? = 0", every);
  return { total, counted, looked, problems: [...unindexed(connection, every), ...orphans(connection)] };
}

function countOf(connection: Connection, sql: string, ...params: number[]): number {
  const row = connection.get(sql, ...params);
  return row === undefined ? 0 : number(row, "n");
}

/** Leads of the sample that would not be recognised, or not be found by a rule, by all that they have. */
function unindexed(connection: Connection, every: number): string[] {
  const lists = { phone: "phones", email: "emails", tag: "tags" };
  return Object.entries(lists).flatMap(([kind, column]) =>
    connection
      .all(
        `SELECT DISTINCT l._id FROM lead AS l, json_each(l.${column}) AS own
         WHERE l.rowid % ? = 0 AND NOT EXISTS (
           SELECT 1 FROM lead_contact AS c WHERE c.kind = ? AND c.value = own.value AND c.lead_id = l._id)
         LIMIT ?`,
        every,
        kind,
        MOST_TOLD,
      )
      .map((row) => `The lead ${text(row, "_id")} is not found by its ${kind}`),
  );
}

/** Entries of the index whose lead is not there. */
function orphans(connection: Connection): string[] {
  return connection
    .all(
      `SELECT c.kind, c.lead_id FROM (SELECT kind, lead_id FROM lead_contact LIMIT ?) AS c
       WHERE NOT EXISTS (SELECT 1 FROM lead AS l WHERE l._id = c.lead_id) LIMIT ?`,
      MOST_CONTACTS,
      MOST_TOLD,
    )
    .map((row) => `A ${text(row, "kind")} leads to ${text(row, "lead_id")}, which is no lead`);
}
