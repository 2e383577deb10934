/** Owns what people tell campaigns on SQLite: the steps `steer`, `schedule` and `hold`. */
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { type CampaignCommand, transition } from "@mini-crm/core/campaign/lifecycle";
import type { SteeringResult, StepResult } from "@mini-crm/core/ports/steps";
import { readCampaign } from "./campaigns.ts";
import type { Connection } from "./connection.ts";
import { type Input, jobOf, type Stepped } from "./raised.ts";

export function steer(connection: Connection, input: Input<"steer">): Stepped<StepResult<"steer">> {
  return told(connection, input.campaign_id, input.command, (campaign, to) => {
    connection.run(
      "UPDATE campaign SET status = ?, hold = NULL, canary_phase = ?, updated_at = ? WHERE _id = ?",
      to,
      phaseAfter(campaign, input.command),
      input.now,
      campaign._id,
    );
    // Who has no row yet when it is cancelled gets none: the audience is whoever was written down.
    if (to === "CANCELLED") {
      connection.run("UPDATE campaign SET expanded = 1, completed_at = ? WHERE _id = ?", input.now, campaign._id);
    }
    return to === "PAUSED" ? [] : [jobOf(campaign._id, null)];
  });
}

/** Whoever resumes a campaign that the autopilot has paused has seen why. */
function phaseAfter({ canary_phase, hold }: Campaign, command: CampaignCommand): Campaign["canary_phase"] {
  return command === "resume" && canary_phase !== null && hold !== null ? "overruled" : canary_phase;
}

export function schedule(connection: Connection, input: Input<"schedule">): Stepped<SteeringResult> {
  return told(connection, input.campaign_id, input.at === null ? "unschedule" : "schedule", (campaign, to) => {
    connection.run(
      "UPDATE campaign SET status = ?, scheduled_at = ?, schedule_grace_ms = ?, hold = NULL, updated_at = ? WHERE _id = ?",
      to,
      input.at,
      input.graceMs,
      input.now,
      campaign._id,
    );
    return [];
  });
}

/** Carries a command out where the campaign may be told it. */
function told(
  connection: Connection,
  id: string,
  command: CampaignCommand,
  carryOut: (campaign: Campaign, to: Campaign["status"]) => Stepped<SteeringResult>["raised"],
): Stepped<SteeringResult> {
  const campaign = readCampaign(connection, id);
  if (campaign === null) return { result: { kind: "not_found" }, raised: [] };
  const moved = transition(campaign.status, command);
  if (moved.kind === "refused") return { result: moved, raised: [] };
  if (moved.kind === "already") return { result: { kind: "already", campaign }, raised: [] };
  const raised = carryOut(campaign, moved.to);
  const steered = readCampaign(connection, id);
  if (steered === null) throw new Error("A campaign that was just steered is not there");
  return { result: { kind: "steered", campaign: steered }, raised };
}

export function hold(connection: Connection, { campaign_id, hold: why }: Input<"hold">): Stepped<StepResult<"hold">> {
  const held = connection.run(
    `UPDATE campaign SET hold = ?, status = iif(status = 'RUNNING', 'PAUSED', status), updated_at = ?
     WHERE _id = ? AND status IN ('RUNNING', 'SCHEDULED') AND hold IS NULL`,
    JSON.stringify(why),
    why.at,
    campaign_id,
  );
  return { result: { held: held === 1 }, raised: [] };
}
