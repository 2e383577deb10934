/** Owns the steps on MongoDB: each changes documents and counters inside the caller's transaction and raises what comes next. */
import { unreachable } from "@mini-crm/core/app-error";
import { transition } from "@mini-crm/core/campaign/lifecycle";
import { isStillDue } from "@mini-crm/core/campaign/schedule";
import { type Input, jobOf, requeue, type Stepped } from "@mini-crm/core/event/raised";
import type { Step, StepResult } from "@mini-crm/core/ports/steps";
import { noteCampaign } from "./activity.ts";
import { readCampaign } from "./campaigns.ts";
import { windowsWith } from "./counters.ts";
import { write } from "./direct-messages.ts";
import { expand } from "./expansion.ts";
import { hear } from "./inbound.ts";
import { record } from "./outcomes.ts";
import { fold } from "./receipts.ts";
import { recover } from "./recovery.ts";
import { retry } from "./retry.ts";
import { hold, schedule, steer } from "./steering.ts";
import type { Tables } from "./tables.ts";

/** Carries one step out. The caller holds the transaction; `newId` makes the identifiers of new leads. */
export function carryOutStep(tables: Tables, newId: () => string, step: Step): Promise<Stepped<StepResult<Step["step"]>>> {
  switch (step.step) {
    case "start":
      return start(tables, step.input);
    case "steer":
      return steer(tables, step.input);
    case "schedule":
      return schedule(tables, step.input);
    case "hold":
      return hold(tables, step.input);
    case "retry":
      return retry(tables, step.input);
    case "expand":
      return expand(tables, step.input);
    case "record":
      return record(tables, step.input);
    case "fold":
      return fold(tables, step.input);
    case "recover":
      return recover(tables, step.input);
    case "write":
      return write(tables, step.input);
    case "hear":
      return hear(tables, newId, step.input);
    case "requeue":
      return Promise.resolve(requeue(step.input));
    case "resume":
      return resume(tables);
    default:
      return unreachable(step);
  }
}

async function start(tables: Tables, input: Input<"start">): Promise<Stepped<StepResult<"start">>> {
  const campaign = await readCampaign(tables, input.campaign_id);
  if (
    campaign?.updated_at !== input.seenAt ||
    !isStillDue(campaign, input.scheduledFor) ||
    transition(campaign.status, "start").kind !== "moves"
  ) {
    return { result: { kind: "not_startable" }, raised: [] };
  }
  const { frozen, expected, now } = input;
  const canary_phase = campaign.options.canary === null ? null : "sending";
  await tables.campaign.update(
    { _id: campaign._id },
    { $set: { status: "RUNNING", hold: null, frozen, expected, canary_phase, started_at: now, updated_at: now } },
  );
  await noteCampaign(tables, "campaign.started", campaign._id, now);
  return { result: { kind: "started" }, raised: [jobOf(campaign._id, null)] };
}

async function resume(tables: Tables): Promise<Stepped<StepResult<"resume">>> {
  const campaigns = await tables.campaign.find({ status: { $in: ["RUNNING", "CANCELLED"] } }, { projection: { status: 1 } });
  const raised = [];
  for (const { _id, status } of campaigns) {
    const goesOn =
      status === "RUNNING" || (await windowsWith(tables, _id, { status: { $in: ["PENDING", "CLAIMED"] } })).length > 0;
    if (goesOn) raised.push(jobOf(_id, null));
  }
  return { result: { campaigns: raised.length }, raised };
}
