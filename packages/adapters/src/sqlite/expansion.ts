/** Owns how an audience becomes message rows on SQLite: a window of leads at a time, set by set. */
import { unreachable } from "@mini-crm/core/app-error";
import type { Campaign, FrozenRun } from "@mini-crm/core/campaign/campaign";
import { expansionOf, windowRaised } from "@mini-crm/core/campaign/expansion";
import type { Input, Stepped } from "@mini-crm/core/event/raised";
import type { Instant } from "@mini-crm/core/instant";
import { AFTER_ALL_LEADS } from "@mini-crm/core/lead/lead";
import { reasonOf } from "@mini-crm/core/message/reasons";
import type { StepResult } from "@mini-crm/core/ports/steps";
import { inAudience, lastLeadOf, UNREACHABLE, UNREACHABLE_BECAUSE } from "./audience.ts";
import { readCampaign, writeCampaign } from "./campaigns.ts";
import { type Connection, textOrNull } from "./connection.ts";
import { countChanges } from "./counters.ts";
import { endNext } from "./ending.ts";
import { completeThoseDone } from "./receipts.ts";

export function expand(connection: Connection, input: Input<"expand">): Stepped<StepResult<"expand">> {
  const campaign = readCampaign(connection, input.campaign_id);
  const expansion = expansionOf(campaign, expandedToOf(connection, input.campaign_id), input);
  switch (expansion.kind) {
    case "not_running":
      return { result: expansion, raised: [] };
    case "ends":
      return endNext(connection, expansion.campaign, expansion.ending, input);
    case "known":
      return { result: { kind: "expanded", written: 0, last: false }, raised: expansion.raised };
    case "goes_on":
      return expandOn(connection, expansion.campaign, expansion.frozen, input);
    default:
      return unreachable(expansion);
  }
}

function expandedToOf(connection: Connection, campaignId: string): string | null {
  const row = connection.get("SELECT expanded_to FROM campaign WHERE _id = ?", campaignId);
  return row === undefined ? null : textOrNull(row, "expanded_to");
}

/** Writes the window behind `input.after` down. */
function expandOn(
  connection: Connection,
  campaign: Campaign,
  frozen: FrozenRun,
  input: Input<"expand">,
): Stepped<StepResult<"expand">> {
  const after = input.after ?? "";
  const end = lastLeadOf(connection, after, frozen.cutoff, input.leadsPerWindow);
  const upTo = end ?? AFTER_ALL_LEADS;
  connection.run("INSERT INTO message_window (campaign_id, after) VALUES (?, ?)", campaign._id, after);
  const { written, pending } = writeRows(connection, campaign._id, frozen, { after, upTo }, input.now);
  connection.run("UPDATE campaign SET expanded_to = ? WHERE _id = ?", upTo, campaign._id);
  if (end === null) finish(connection, campaign._id, input.now);
  const raised = windowRaised(campaign, { after: input.after, end, pending });
  return { result: { kind: "expanded", written, last: end === null }, raised };
}

/**
 * Writes the rows of a window; who cannot be written to gets a row that says why. Answers how many it wrote, and how many of
 * them are pending. Those who cannot be written to have an index of their own, so that the many are one plain insert.
 */
function writeRows(
  connection: Connection,
  campaignId: string,
  frozen: FrozenRun,
  { after, upTo }: { after: string; upTo: string },
  now: Instant,
): { written: number; pending: number } {
  const matching = inAudience(frozen);
  const audience = `FROM lead WHERE lead._id > ? AND lead._id <= ? AND ${matching.sql}`;
  const bounds = [after, upTo, ...matching.params];
  const reachable = connection.run(
    `INSERT INTO message (campaign_id, lead_id, status, phone, attempt, created_at)
     SELECT ?, lead._id, 'PENDING', lead.phones ->> 0, 0, ? ${audience} AND NOT ${UNREACHABLE}`,
    campaignId,
    now,
    ...bounds,
  );
  const changes = countChanges(connection);
  changes.movedMany(campaignId, after, null, { status: "PENDING" }, reachable);
  let skipped = 0;
  for (const { code, reason, condition } of UNREACHABLE_BECAUSE) {
    const written = connection.run(
      `INSERT INTO message (campaign_id, lead_id, status, phone, attempt, code, reason, created_at, settled_at)
       SELECT ?, lead._id, 'SKIPPED', lead.phones ->> 0, 0, ?, ?, ?, ?
       ${audience} AND ${UNREACHABLE} AND ${condition}`,
      campaignId,
      code,
      reason,
      now,
      now,
      ...bounds,
    );
    changes.movedMany(campaignId, after, null, { status: "SKIPPED", code }, written);
    skipped += written;
  }
  const duplicates = skipDuplicateNumbers(connection, campaignId, after, upTo, now);
  const duplicate = { status: "SKIPPED", code: "duplicate_number" } as const;
  changes.movedMany(campaignId, after, { status: "PENDING" }, duplicate, duplicates);
  changes.write();
  return { written: reachable + skipped, pending: reachable - duplicates };
}

/** Of several leads with one number, only the oldest in the audience is written to. Only marked leads can be among them. */
function skipDuplicateNumbers(connection: Connection, campaignId: string, after: string, upTo: string, now: Instant): number {
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
function finish(connection: Connection, campaignId: string, now: Instant): void {
  writeCampaign(connection, campaignId, { expanded: true, updated_at: now });
  completeThoseDone(connection, [campaignId], { now, receiptWindowMs: Number.POSITIVE_INFINITY });
}
