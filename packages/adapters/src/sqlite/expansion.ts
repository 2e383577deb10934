/** Owns how an audience becomes message rows on SQLite: a window of leads at a time, set by set. */
import { type Campaign, isComplete } from "@mini-crm/core/campaign/campaign";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { StepResult, StepTable } from "@mini-crm/core/ports/steps";
import { countChanges, readCampaign } from "./campaigns.ts";
import { type Connection, number, text } from "./connection.ts";
import { jobOf, type Stepped, windowOf } from "./raised.ts";
import { compileRule } from "./rule-query.ts";
import { cancelNext } from "./steering.ts";

/** Sorts behind every lead's identifier. */
const AFTER_ALL_LEADS = "g";

type ExpandInput = StepTable["expand"]["input"];

export function expand(connection: Connection, input: ExpandInput): Stepped<StepResult<"expand">> {
  const campaign = readCampaign(connection, input.campaign_id);
  const frozen = campaign?.frozen ?? null;
  if (campaign?.status === "CANCELLED") return cancelNext(connection, campaign, input);
  if (campaign === null || frozen === null || (campaign.status !== "RUNNING" && campaign.status !== "PAUSED")) {
    return { result: { kind: "not_running" }, raised: [] };
  }
  if (campaign.expanded) {
    const window = windowOf(connection, campaign._id, null, AFTER_ALL_LEADS, campaign.counts.PENDING);
    return { result: { kind: "expanded", written: 0, last: false }, raised: window === null ? [] : [window] };
  }

  const after = input.after ?? "";
  const end = windowEnd(connection, after, frozen.cutoff, input.leadsPerWindow);
  const upTo = end ?? AFTER_ALL_LEADS;
  const { written, pending } = writeRows(connection, campaign, after, upTo, input.now);
  const raised: TopicEvent[] = [];
  const window = pending === 0 ? null : windowOf(connection, campaign._id, input.after, upTo, pending);
  if (window !== null) raised.push(window);
  if (end !== null) {
    raised.push(jobOf(campaign._id, end));
  } else {
    finish(connection, campaign._id, input);
  }
  return { result: { kind: "expanded", written, last: end === null }, raised };
}

/** The last lead of the window that begins after `after`; null where the window reaches the last lead of all. */
function windowEnd(connection: Connection, after: string, cutoff: number, leads: number): string | null {
  const row = connection.get("SELECT _id FROM lead WHERE _id > ? ORDER BY _id LIMIT 1 OFFSET ?", after, leads - 1);
  if (row === undefined) return null;
  const created = connection.get("SELECT created_at FROM lead WHERE _id = ?", text(row, "_id"));
  return created !== undefined && number(created, "created_at") > cutoff ? null : text(row, "_id");
}

/**
 * Writes the rows that are missing; who cannot be written to gets a row that says why. Answers how many it wrote, and how many of
 * the window's are pending. Those who cannot be written to have an index of their own, so that the many are one plain insert.
 */
function writeRows(
  connection: Connection,
  campaign: Campaign,
  after: string,
  upTo: string,
  now: number,
): { written: number; pending: number } {
  const { frozen } = campaign;
  if (frozen === null) throw new Error("A campaign that runs has no frozen rule");
  const rule = compileRule(frozen.rule, frozen.cutoff);
  const audience = `FROM lead WHERE lead._id > ? AND lead._id <= ? AND lead.created_at <= ? AND (${rule.sql})`;
  const bounds = [after, upTo, frozen.cutoff, ...rule.params];
  const reachable = connection.run(
    `INSERT OR IGNORE INTO message (campaign_id, lead_id, status, phone, attempt, created_at)
     SELECT ?, lead._id, 'PENDING', lead.phones ->> 0, 0, ? ${audience} AND NOT (lead.consent = 'opted_out' OR lead.phones = '[]')`,
    campaign._id,
    now,
    ...bounds,
  );
  const unreachable = connection.run(
    `INSERT OR IGNORE INTO message (campaign_id, lead_id, status, phone, attempt, code, reason, created_at, settled_at)
     SELECT ?, lead._id, 'SKIPPED', lead.phones ->> 0, 0, iif(lead.consent = 'opted_out', 'opted_out', 'no_phone'),
       iif(lead.consent = 'opted_out', 'Does not want messages', 'Has no phone number'), ?, ?
     ${audience} AND (lead.consent = 'opted_out' OR lead.phones = '[]')`,
    campaign._id,
    now,
    now,
    ...bounds,
  );
  const duplicates = skipDuplicateNumbers(connection, campaign._id, after, upTo, now);

  const changes = countChanges(connection);
  changes.moved(campaign._id, null, "PENDING", reachable);
  changes.moved(campaign._id, null, "SKIPPED", unreachable);
  changes.moved(campaign._id, "PENDING", "SKIPPED", duplicates);
  changes.write();
  const written = reachable + unreachable;
  return { written, pending: written > 0 ? reachable - duplicates : pendingIn(connection, campaign._id, after, upTo) };
}

/** Of several leads with one number, only the oldest in the audience is written to. Only marked leads can be among them. */
function skipDuplicateNumbers(connection: Connection, campaignId: string, after: string, upTo: string, now: number): number {
  return connection.run(
    `UPDATE message SET status = 'SKIPPED', code = 'duplicate_number', settled_at = ?,
       reason = 'Another recipient of this campaign has the same number'
     WHERE campaign_id = ? AND status = 'PENDING' AND attempt = 0
       AND lead_id IN (SELECT _id FROM lead WHERE shares_phone = 1 AND _id > ? AND _id <= ?)
       AND EXISTS (
         SELECT 1 FROM lead_contact AS c JOIN message AS other ON other.campaign_id = message.campaign_id AND other.lead_id = c.lead_id
         WHERE c.kind = 'phone' AND c.value = message.phone AND c.lead_id < message.lead_id
           AND other.phone = message.phone AND other.code IS NOT 'opted_out')`,
    now,
    campaignId,
    after,
    upTo,
  );
}

function pendingIn(connection: Connection, campaignId: string, after: string, upTo: string): number {
  const row = connection.get(
    "SELECT count(*) AS pending FROM message WHERE campaign_id = ? AND lead_id > ? AND lead_id <= ? AND status = 'PENDING'",
    campaignId,
    after,
    upTo,
  );
  return row === undefined ? 0 : number(row, "pending");
}

/** Notes that everyone has a row; a campaign of which nobody can be written to is complete at once. */
function finish(connection: Connection, campaignId: string, input: ExpandInput): void {
  connection.run("UPDATE campaign SET expanded = 1, updated_at = ? WHERE _id = ?", input.now, campaignId);
  const campaign = readCampaign(connection, campaignId);
  if (campaign === null || !isComplete(campaign, input.now, Number.POSITIVE_INFINITY)) return;
  connection.run("UPDATE campaign SET status = 'COMPLETED', completed_at = ? WHERE _id = ?", input.now, campaignId);
}
