/** Owns POST /api/v1/campaigns/:id/pause, /resume and /cancel. */
import { unreachable } from "@mini-crm/core/app-error";
import type { SteeringCommand } from "@mini-crm/core/campaign/lifecycle";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { CampaignAnswer } from "@mini-crm/wire/campaign";
import { IdParams } from "@mini-crm/wire/text";
import type { BackendDeps } from "../deps.ts";
import { campaignJson } from "../present/campaign.ts";
import { ok } from "../present/envelope.ts";
import { conflict, notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

const SUMMARY: Record<SteeringCommand, string> = {
  pause: "Stop sending and keep the place; what is on the wire is still answered",
  resume: "Go on with a paused campaign where it was",
  cancel: "Stop for good: what was sent stays sent, everybody else is CANCELLED",
};

/** Telling a campaign the same twice is answered the same twice. */
export function campaignSteeringRoutes(app: HttpServer, deps: BackendDeps): void {
  steeringRoute(app, deps, "pause", "CAMPAIGN_NOT_PAUSABLE", "The campaign cannot be paused");
  steeringRoute(app, deps, "resume", "CAMPAIGN_NOT_RESUMABLE", "The campaign cannot be resumed");
  steeringRoute(app, deps, "cancel", "CAMPAIGN_NOT_CANCELLABLE", "The campaign cannot be cancelled");
}

function steeringRoute(
  app: HttpServer,
  { bus, clock }: BackendDeps,
  command: SteeringCommand,
  code: string,
  message: string,
): void {
  const schema = {
    tags: ["campaigns"],
    summary: SUMMARY[command],
    params: IdParams,
    response: { 200: CampaignAnswer, ...REFUSALS },
  };
  app.post(`/campaigns/:id/${command}`, { schema }, async ({ params: { id } }) => {
    const [steered] = await bus.commit([{ step: "steer", input: { campaign_id: id, command, now: clock.now() } }]);
    switch (steered.kind) {
      case "steered":
      case "already":
        return ok(campaignJson(steered.campaign));
      case "refused":
        throw conflict(code, message, steered.reason);
      case "not_found":
        throw notFound("Campaign", id);
      default:
        return unreachable(steered);
    }
  });
}
