/** Owns what people tell campaigns on SQLite: the steps `steer`, `schedule` and `hold`. */
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { type CampaignCommand, transition } from "@mini-crm/core/campaign/lifecycle";
import { isStillDue, scheduleRefusal } from "@mini-crm/core/campaign/schedule";
import type { TopicEvent } from "@mini-crm/core/event/topics";
import type { SteeringResult, StepResult } from "@mini-crm/core/ports/steps";
import { noteCampaign } from "./activity.ts";
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
    noteCampaign(connection, NOTED[input.command], campaign._id, input.now);
    return to === "PAUSED" ? [] : [jobOf(campaign._id, null)];
  });
}

/** What is told of each command. */
const NOTED = { pause: "campaign.paused", resume: "campaign.resumed", cancel: "campaign.cancelled" } as const;

/** Whoever resumes a campaign that the autopilot has paused has seen why. */
function phaseAfter(campaign: Campaign, command: CampaignCommand): Campaign["canary_phase"] {
  const isOverruled = command === "resume" && campaign.canary_phase !== null && campaign.hold !== null;
  return isOverruled ? "overruled" : campaign.canary_phase;
}

export function schedule(connection: Connection, input: Input<"schedule">): Stepped<SteeringResult> {
  return told(connection, input.campaign_id, input.at === null ? "unschedule" : "schedule", (campaign, to) => {
    const reason = input.at === null ? null : scheduleRefusal(campaign, input.at);
    if (reason !== null) return { kind: "refused", reason };
    connection.run(
      "UPDATE campaign SET status = ?, scheduled_at = ?, schedule_grace_ms = ?, hold = NULL, updated_at = ? WHERE _id = ?",
      to,
      input.at,
      input.graceMs,
      input.now,
      campaign._id,
    );
    noteCampaign(connection, input.at === null ? "campaign.unscheduled" : "campaign.scheduled", campaign._id, input.now);
    return [];
  });
}

/** Carries a command out where the campaign may be told it, and `carryOut` has nothing against it. */
function told(
  connection: Connection,
  id: string,
  command: CampaignCommand,
  carryOut: (campaign: Campaign, to: Campaign["status"]) => TopicEvent[] | Extract<SteeringResult, { kind: "refused" }>,
): Stepped<SteeringResult> {
  const campaign = readCampaign(connection, id);
  if (campaign === null) return { result: { kind: "not_found" }, raised: [] };
  const moved = transition(campaign.status, command);
  if (moved.kind === "refused") return { result: moved, raised: [] };
  if (moved.kind === "already") return { result: { kind: "already", campaign }, raised: [] };
  const raised = carryOut(campaign, moved.to);
  if ("kind" in raised) return { result: raised, raised: [] };
  const steered = readCampaign(connection, id);
  if (steered === null) throw new Error("A campaign that was just steered is not there");
  return { result: { kind: "steered", campaign: steered }, raised };
}

const NOT_HELD = { result: { held: false }, raised: [] };

export function hold(connection: Connection, input: Input<"hold">): Stepped<StepResult<"hold">> {
  const { campaign_id, hold: why, scheduledFor } = input;
  const campaign = readCampaign(connection, campaign_id);
  if (campaign === null || campaign.hold !== null || !isStillDue(campaign, scheduledFor)) return NOT_HELD;
  const paused = transition(campaign.status, "pause");
  if (paused.kind !== "moves" && campaign.status !== "SCHEDULED") return NOT_HELD;
  connection.run(
    "UPDATE campaign SET hold = ?, status = ?, updated_at = ? WHERE _id = ?",
    JSON.stringify(why),
    paused.kind === "moves" ? paused.to : campaign.status,
    why.at,
    campaign_id,
  );
  noteCampaign(connection, "campaign.held", campaign_id, why.at);
  return { result: { held: true }, raised: [] };
}
