/** Owns what people tell campaigns on SQLite: the steps `steer`, `schedule` and `hold`. */
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { type Commanded, held, scheduled, steered } from "@mini-crm/core/campaign/changes";
import type { Input, Stepped } from "@mini-crm/core/event/raised";
import type { SteeringResult, StepResult } from "@mini-crm/core/ports/steps";
import { noteCampaign } from "./activity.ts";
import { readCampaign, writeCampaign } from "./campaigns.ts";
import type { Connection } from "./connection.ts";

export function steer(connection: Connection, input: Input<"steer">): Stepped<StepResult<"steer">> {
  return tell(connection, input.campaign_id, (campaign) => steered(campaign, input));
}

export function schedule(connection: Connection, input: Input<"schedule">): Stepped<SteeringResult> {
  return tell(connection, input.campaign_id, (campaign) => scheduled(campaign, input));
}

export function hold(connection: Connection, input: Input<"hold">): Stepped<StepResult<"hold">> {
  const { result, raised } = tell(connection, input.campaign_id, (campaign) => held(campaign, input));
  return { result: { held: result.kind === "steered" }, raised };
}

/** Tells a campaign what `command` makes of it. */
function tell(connection: Connection, id: string, command: (campaign: Campaign) => Commanded): Stepped<SteeringResult> {
  const campaign = readCampaign(connection, id);
  if (campaign === null) return { result: { kind: "not_found" }, raised: [] };
  const commanded = command(campaign);
  if (commanded.kind === "refused") return { result: commanded, raised: [] };
  if (commanded.kind === "already") return { result: { kind: "already", campaign }, raised: [] };
  const { fields, noted, raised } = commanded;
  writeCampaign(connection, id, fields);
  noteCampaign(connection, noted, id, fields.updated_at);
  return { result: { kind: "steered", campaign: { ...campaign, ...fields } }, raised };
}
