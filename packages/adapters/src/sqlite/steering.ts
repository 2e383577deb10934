/** Owns the step `steer` on SQLite, and how the rest of a cancelled campaign is cancelled. */
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { transition } from "@mini-crm/core/campaign/lifecycle";
import type { StepResult } from "@mini-crm/core/ports/steps";
import { countChanges, readCampaign } from "./campaigns.ts";
import { type Connection, text } from "./connection.ts";
import { type Input, jobOf, type Stepped } from "./raised.ts";

export function steer(connection: Connection, input: Input<"steer">): Stepped<StepResult<"steer">> {
  const campaign = readCampaign(connection, input.campaign_id);
  if (campaign === null) return { result: { kind: "not_found" }, raised: [] };
  const moved = transition(campaign.status, input.command);
  if (moved.kind === "refused") return { result: moved, raised: [] };
  if (moved.kind === "already") return { result: { kind: "already", campaign }, raised: [] };
  connection.run("UPDATE campaign SET status = ?, updated_at = ? WHERE _id = ?", moved.to, input.now, campaign._id);
  // Who has no row yet when it is cancelled gets none: the audience is whoever was written down.
  if (moved.to === "CANCELLED") {
    connection.run("UPDATE campaign SET expanded = 1, completed_at = ? WHERE _id = ?", input.now, campaign._id);
  }
  const steered = readCampaign(connection, campaign._id);
  if (steered === null) throw new Error("A campaign that was just steered is not there");
  return { result: { kind: "steered", campaign: steered }, raised: moved.to === "PAUSED" ? [] : [jobOf(campaign._id, null)] };
}

/** Cancels the next messages that have not gone out, and raises the job for those after them. */
export function cancelNext(connection: Connection, campaign: Campaign, input: Input<"expand">): Stepped<StepResult<"expand">> {
  const rows = connection.all(
    `SELECT lead_id FROM message WHERE campaign_id = ? AND lead_id > ? AND status IN ('PENDING', 'CLAIMED')
     ORDER BY lead_id LIMIT ?`,
    campaign._id,
    input.after ?? "",
    input.leadsPerWindow,
  );
  const last = rows.at(-1);
  if (last === undefined) return { result: { kind: "cancelled", messages: 0 }, raised: [] };
  const upTo = text(last, "lead_id");
  const changes = countChanges(connection);
  for (const status of ["PENDING", "CLAIMED"] as const) {
    const cancelled = connection.run(
      `UPDATE message SET status = 'CANCELLED', due_at = NULL, settled_at = ?
       WHERE campaign_id = ? AND lead_id > ? AND lead_id <= ? AND status = ?`,
      input.now,
      campaign._id,
      input.after ?? "",
      upTo,
      status,
    );
    changes.moved(campaign._id, status, "CANCELLED", cancelled);
  }
  changes.write();
  return { result: { kind: "cancelled", messages: rows.length }, raised: [jobOf(campaign._id, upTo)] };
}
