/** Owns what people tell campaigns on MongoDB: the steps `steer`, `schedule` and `hold`. */
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { type Commanded, held, scheduled, steered } from "@mini-crm/core/campaign/changes";
import type { Input, Stepped } from "@mini-crm/core/event/raised";
import type { SteeringResult, StepResult } from "@mini-crm/core/ports/steps";
import { noteCampaign } from "./activity.ts";
import { readCampaign, writeCampaign } from "./campaigns.ts";
import { audienceLock, campaignLock, lock } from "./locks.ts";
import type { Tables } from "./tables.ts";

export function steer(tables: Tables, input: Input<"steer">): Promise<Stepped<StepResult<"steer">>> {
  return tell(tables, input.campaign_id, (campaign) => steered(campaign, input));
}

export function schedule(tables: Tables, input: Input<"schedule">): Promise<Stepped<SteeringResult>> {
  return tell(tables, input.campaign_id, (campaign) => scheduled(campaign, input));
}

export async function hold(tables: Tables, input: Input<"hold">): Promise<Stepped<StepResult<"hold">>> {
  const { result, raised } = await tell(tables, input.campaign_id, (campaign) => held(campaign, input));
  return { result: { held: result.kind === "steered" }, raised };
}

/** Tells a campaign what `command` makes of it. */
async function tell(tables: Tables, id: string, command: (campaign: Campaign) => Commanded): Promise<Stepped<SteeringResult>> {
  const campaign = await readCampaign(tables, id);
  if (campaign === null) return { result: { kind: "not_found" }, raised: [] };
  const commanded = command(campaign);
  if (commanded.kind === "refused") return { result: commanded, raised: [] };
  if (commanded.kind === "already") return { result: { kind: "already", campaign }, raised: [] };
  const { fields, noted, raised } = commanded;
  // Nothing is let go that has not seen this.
  await lock(tables, campaignLock(id));
  // A window that is just being written down has seen this, or the job behind this sees the window.
  if (raised.length > 0) await lock(tables, audienceLock(id));
  await writeCampaign(tables, id, fields);
  await noteCampaign(tables, noted, id, fields.updated_at);
  return { result: { kind: "steered", campaign: { ...campaign, ...fields } }, raised };
}
