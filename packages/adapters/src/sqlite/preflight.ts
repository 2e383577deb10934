/** Owns the pre-flight on SQLite: the audience as a start would find it, window by window, and what was shown of it. */
import type { FrozenRun } from "@mini-crm/core/campaign/campaign";
import type { Preflight } from "@mini-crm/core/campaign/preflight";
import { markRemoved, type SurveyedLead } from "@mini-crm/core/campaign/survey";
import { AFTER_ALL_LEADS } from "@mini-crm/core/lead/lead";
import type { PreflightStore } from "@mini-crm/core/ports/store";
import { cappedAmong } from "./admission.ts";
import { inAudience, lastLeadOf, UNREACHABLE, UNREACHABLE_BECAUSE } from "./audience.ts";
import { type Connection, number, text } from "./connection.ts";
import { leadAsJson } from "./lead-rows.ts";

type WindowRequest = Parameters<PreflightStore["window"]>[0];

/** A window as it leaves the database thread: the leads are one JSON text, taken apart where they are rendered. */
export interface RawWindow {
  leads: string;
  duplicates: string[];
  capped: string[];
  next: string | null;
}

export function surveyedOf({ leads, duplicates, capped, next }: RawWindow): Awaited<ReturnType<PreflightStore["window"]>> {
  const surveyed: SurveyedLead[] = JSON.parse(leads);
  markRemoved(surveyed, { duplicates: new Set(duplicates), capped: new Set(capped) });
  return { leads: surveyed, next };
}

const KEPT_MS = 86_400_000;

export function preflightVerbs(connection: Connection) {
  return {
    preflightWindow: (request: WindowRequest): RawWindow => window(connection, request),

    keepPreflight: (preflight: Preflight): void =>
      connection.transaction(() => {
        connection.run("DELETE FROM preflight WHERE at < ?", preflight.at - KEPT_MS);
        connection.run(
          "INSERT INTO preflight (token, campaign_id, at, shown) VALUES (?, ?, ?, ?)",
          preflight.token,
          preflight.campaign_id,
          preflight.at,
          JSON.stringify(preflight),
        );
      }),

    readPreflight: (token: string): Preflight | null => {
      const row = connection.get("SELECT shown FROM preflight WHERE token = ?", token);
      return row === undefined ? null : JSON.parse(text(row, "shown"));
    },
  };
}

const UNREACHABLE_CODE = `CASE WHEN NOT ${UNREACHABLE} THEN 'null'
  ${UNREACHABLE_BECAUSE.map(({ code, condition }) => `WHEN ${condition} THEN '"${code}"'`).join(" ")} END`;

function window(connection: Connection, request: WindowRequest): RawWindow {
  const { frozen, campaign_id, frequency_cap } = request;
  const after = request.after ?? "";
  const end = lastLeadOf(connection, after, frozen.cutoff, request.leadsPerWindow);
  const matching = inAudience(frozen);
  const rows = connection.all(
    `SELECT l._id, l.shares_phone, '{"lead_id":"' || l._id || '","phone":' || json_quote(l.phones ->> 0) ||
       ',"removal":' || l.unreachable || ',"lead":' || ${leadAsJson(["name", ...frozen.fields])} || '}' AS surveyed
     FROM (
       SELECT lead.*, ${UNREACHABLE_CODE} AS unreachable FROM lead
       WHERE lead._id > ? AND lead._id <= ? AND ${matching.sql}) AS l
     ORDER BY l._id`,
    after,
    end ?? AFTER_ALL_LEADS,
    ...matching.params,
  );
  const ids = rows.map((row) => text(row, "_id"));
  const sharing = rows.filter((row) => number(row, "shares_phone") === 1).map((row) => text(row, "_id"));
  return {
    leads: `[${rows.map((row) => text(row, "surveyed")).join(",")}]`,
    duplicates: duplicatesAmong(connection, frozen, sharing),
    capped: [...cappedAmong(connection, campaign_id, frequency_cap, ids, frozen.cutoff)],
    next: end,
  };
}

/** Those before whom somebody else in the audience is written to at their number: what the expansion finds among its rows. */
function duplicatesAmong(connection: Connection, frozen: FrozenRun, leadIds: readonly string[]): string[] {
  if (leadIds.length === 0) return [];
  const matching = inAudience(frozen);
  const rows = connection.all(
    `SELECT one._id FROM json_each(?) AS asked CROSS JOIN lead AS one ON one._id = asked.value
     WHERE EXISTS (
       SELECT 1 FROM lead_contact AS c CROSS JOIN lead ON lead._id = c.lead_id
       WHERE c.kind = 'phone' AND c.value = one.phones ->> 0 AND c.lead_id < one._id
         AND lead.phones ->> 0 = c.value AND NOT ${UNREACHABLE} AND ${matching.sql})`,
    JSON.stringify(leadIds),
    ...matching.params,
  );
  return rows.map((row) => text(row, "_id"));
}
