/** Owns the steps on SQLite: each changes rows and counters inside the caller's transaction and raises what comes next. */
import { unreachable } from "@mini-crm/core/app-error";
import { transition } from "@mini-crm/core/campaign/lifecycle";
import { isStillDue } from "@mini-crm/core/campaign/schedule";
import { type Input, jobOf, requeue, type Stepped } from "@mini-crm/core/event/raised";
import type { Step, StepResult } from "@mini-crm/core/ports/steps";
import { noteCampaign } from "./activity.ts";
import { readCampaign } from "./campaigns.ts";
import { type Connection, text } from "./connection.ts";
import { writeDown } from "./direct-messages.ts";
import { expand } from "./expansion.ts";
import { hear } from "./inbound.ts";
import { record } from "./outcomes.ts";
import { fold } from "./receipts.ts";
import { recover } from "./recovery.ts";
import { retry } from "./retry.ts";
import { hold, schedule, steer } from "./steering.ts";

/** Carries one step out; `newId` makes the identifiers of new leads. The caller holds the transaction. */
export function carryOutStep(connection: Connection, step: Step, newId: () => string): Stepped<StepResult<Step["step"]>> {
  switch (step.step) {
    case "start":
      return start(connection, step.input);
    case "steer":
      return steer(connection, step.input);
    case "schedule":
      return schedule(connection, step.input);
    case "hold":
      return hold(connection, step.input);
    case "retry":
      return retry(connection, step.input);
    case "expand":
      return expand(connection, step.input);
    case "record":
      return record(connection, step.input);
    case "fold":
      return fold(connection, step.input);
    case "recover":
      return recover(connection, step.input);
    case "write":
      return writeDown(connection, step.input);
    case "hear":
      return hear(connection, step.input, newId);
    case "requeue":
      return requeue(step.input);
    case "resume":
      return resume(connection);
    default:
      return unreachable(step);
  }
}

function start(connection: Connection, input: Input<"start">): Stepped<StepResult<"start">> {
  const campaign = readCampaign(connection, input.campaign_id);
  if (
    campaign?.updated_at !== input.seenAt ||
    !isStillDue(campaign, input.scheduledFor) ||
    transition(campaign.status, "start").kind !== "moves"
  ) {
    return { result: { kind: "not_startable" }, raised: [] };
  }
  connection.run(
    `UPDATE campaign SET status = 'RUNNING', hold = NULL, frozen = ?, expected = ?, canary_phase = ?, started_at = ?, updated_at = ?
     WHERE _id = ?`,
    JSON.stringify(input.frozen),
    input.expected,
    campaign.options.canary === null ? null : "sending",
    input.now,
    input.now,
    input.campaign_id,
  );
  noteCampaign(connection, "campaign.started", input.campaign_id, input.now);
  return { result: { kind: "started" }, raised: [jobOf(input.campaign_id, null)] };
}

function resume(connection: Connection): Stepped<StepResult<"resume">> {
  const rows = connection.all(
    `SELECT c._id FROM campaign AS c WHERE c.status = 'RUNNING' OR (c.status = 'CANCELLED' AND EXISTS (
       SELECT 1 FROM campaign_count AS n WHERE n.campaign_id = c._id AND n.status IN ('PENDING', 'CLAIMED') AND n.messages > 0))`,
  );
  return { result: { campaigns: rows.length }, raised: rows.map((row) => jobOf(text(row, "_id"), null)) };
}
