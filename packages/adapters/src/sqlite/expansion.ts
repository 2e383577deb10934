/** Owns how an audience becomes message rows on SQLite: a window of leads at a time, set by set. */
import { type Campaign, endingOf } from "@mini-crm/core/campaign/campaign";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import { reasonOf } from "@mini-crm/core/message/reasons";
import type { StepResult, StepTable } from "@mini-crm/core/ports/steps";
import { inAudience, lastLeadOf, UNREACHABLE, UNREACHABLE_BECAUSE } from "./audience.ts";
import { readCampaign } from "./campaigns.ts";
import { type Connection, textOrNull } from "./connection.ts";
import { AFTER_ALL_LEADS, countChanges } from "./counters.ts";
import { endNext } from "./ending.ts";
import { jobOf, type Stepped, windowOf } from "./raised.ts";
import { completeThoseDone } from "./receipts.ts";

type ExpandInput = StepTable["expand"]["input"];

export function expand(connection: Connection, input: ExpandInput): Stepped<StepResult<"expand">> {
  const campaign = readCampaign(connection, input.campaign_id);
  if (campaign === null || campaign.frozen === null) return { result: { kind: "not_running" }, raised: [] };
  const ending = endingOf(campaign, input.now);
  if (ending !== null) return endNext(connection, campaign, ending, input);
  if (campaign.status !== "RUNNING" && campaign.status !== "PAUSED") return { result: { kind: "not_running" }, raised: [] };

  const expandedTo = expandedToOf(connection, campaign._id);
  if (input.after !== expandedTo) return lookAgain(connection, campaign, input, expandedTo);
  return expandOn(connection, campaign, campaign.frozen.cutoff, input);
}

const NOTHING_NEW = { kind: "expanded", written: 0, last: false } as const;

/**
 * Whoever took the expansion on has raised the job behind it, so a job that is behind does nothing. The first job is also what a
 * resumed campaign gets: it looks at all that is pending, and goes on where the expansion stands.
 */
function lookAgain(
  connection: Connection,
  campaign: Campaign,
  input: ExpandInput,
  expandedTo: string | null,
): Stepped<StepResult<"expand">> {
  if (input.after !== null) return { result: NOTHING_NEW, raised: [] };
  const raised = pendingLook(connection, campaign, expandedTo ?? AFTER_ALL_LEADS);
  if (!campaign.expanded) raised.push(jobOf(campaign._id, expandedTo));
  return { result: NOTHING_NEW, raised };
}

function pendingLook(connection: Connection, campaign: Campaign, upTo: string): TopicEvent[] {
  const window = windowOf(connection, campaign._id, null, upTo, campaign.counts.PENDING);
  return window === null || campaign.counts.PENDING === 0 ? [] : [window];
}

function expandedToOf(connection: Connection, campaignId: string): string | null {
  const row = connection.get("SELECT expanded_to FROM campaign WHERE _id = ?", campaignId);
  return row === undefined ? null : textOrNull(row, "expanded_to");
}

/** Writes the window behind `input.after` down. */
function expandOn(connection: Connection, campaign: Campaign, cutoff: number, input: ExpandInput): Stepped<StepResult<"expand">> {
  const after = input.after ?? "";
  const end = lastLeadOf(connection, after, cutoff, input.leadsPerWindow);
  const upTo = end ?? AFTER_ALL_LEADS;
  connection.run("INSERT INTO message_window (campaign_id, after) VALUES (?, ?)", campaign._id, after);
  const { written, pending } = writeRows(connection, campaign, after, upTo, input.now);
  const raised: TopicEvent[] = [];
  const window = pending === 0 ? null : windowOf(connection, campaign._id, input.after, upTo, pending);
  if (window !== null) raised.push(window);
  connection.run("UPDATE campaign SET expanded_to = ? WHERE _id = ?", end ?? AFTER_ALL_LEADS, campaign._id);
  if (end !== null) {
    raised.push(jobOf(campaign._id, end));
  } else {
    finish(connection, campaign._id, input);
  }
  return { result: { kind: "expanded", written, last: end === null }, raised };
}

/**
 * Writes the rows of a window; who cannot be written to gets a row that says why. Answers how many it wrote, and how many of
 * them are pending. Those who cannot be written to have an index of their own, so that the many are one plain insert.
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
  const matching = inAudience(frozen);
  const audience = `FROM lead WHERE lead._id > ? AND lead._id <= ? AND ${matching.sql}`;
  const bounds = [after, upTo, ...matching.params];
  const reachable = connection.run(
    `INSERT INTO message (campaign_id, lead_id, status, phone, attempt, created_at)
     SELECT ?, lead._id, 'PENDING', lead.phones ->> 0, 0, ? ${audience} AND NOT ${UNREACHABLE}`,
    campaign._id,
    now,
    ...bounds,
  );
  const changes = countChanges(connection);
  changes.movedMany(campaign._id, after, null, { status: "PENDING" }, reachable);
  let skipped = 0;
  for (const { code, reason, condition } of UNREACHABLE_BECAUSE) {
    const written = connection.run(
      `INSERT INTO message (campaign_id, lead_id, status, phone, attempt, code, reason, created_at, settled_at)
       SELECT ?, lead._id, 'SKIPPED', lead.phones ->> 0, 0, ?, ?, ?, ?
       ${audience} AND ${UNREACHABLE} AND ${condition}`,
      campaign._id,
      code,
      reason,
      now,
      now,
      ...bounds,
    );
    changes.movedMany(campaign._id, after, null, { status: "SKIPPED", code }, written);
    skipped += written;
  }
  const duplicates = skipDuplicateNumbers(connection, campaign._id, after, upTo, now);
  const duplicate = { status: "SKIPPED", code: "duplicate_number" } as const;
  changes.movedMany(campaign._id, after, { status: "PENDING" }, duplicate, duplicates);
  changes.write();
  return { written: reachable + skipped, pending: reachable - duplicates };
}

/** Of several leads with one number, only the oldest in the audience is written to. Only marked leads can be among them. */
function skipDuplicateNumbers(connection: Connection, campaignId: string, after: string, upTo: string, now: number): number {
  return connection.run(
    `UPDATE message SET status = 'SKIPPED', code = 'duplicate_number', settled_at = ?,
       reason = ?
     WHERE campaign_id = ? AND status = 'PENDING' AND attempt = 0
       AND lead_id IN (SELECT _id FROM lead WHERE shares_phone = 1 AND _id > ? AND _id <= ?)
       AND EXISTS (
         SELECT 1 FROM (
           SELECT lead_id FROM lead_contact WHERE kind = 'phone' AND value = message.phone
           UNION ALL SELECT lead_id FROM former_phone WHERE phone = message.phone
         ) AS holder CROSS JOIN message AS other ON other.campaign_id = message.campaign_id AND other.lead_id = holder.lead_id
         WHERE holder.lead_id < message.lead_id AND other.phone = message.phone AND other.code IS NOT 'opted_out')`,
    now,
    reasonOf("duplicate_number"),
    campaignId,
    after,
    upTo,
  );
}

/** Notes that everyone has a row; a campaign of which nobody can be written to is complete at once. */
function finish(connection: Connection, campaignId: string, input: ExpandInput): void {
  connection.run("UPDATE campaign SET expanded = 1, updated_at = ? WHERE _id = ?", input.now, campaignId);
  completeThoseDone(connection, [campaignId], { now: input.now, receiptWindowMs: Number.POSITIVE_INFINITY });
}
