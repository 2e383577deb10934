/** Owns POST /api/v1/campaigns/:id/run. */
import { unreachable } from "@mini-crm/core/app-error";
import { startCampaign } from "@mini-crm/core/campaign/start-campaign";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { Refusal } from "@mini-crm/runtime/http/refusal";
import { CampaignRunAnswer } from "@mini-crm/wire/campaign";
import { IdParams } from "@mini-crm/wire/text";
import type { BackendDeps } from "../deps.ts";
import { conflict, notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

export function campaignRunRoutes(app: HttpServer, deps: BackendDeps): void {
  const schema = {
    tags: ["campaigns"],
    summary: "Send a campaign to everyone who is in its segment now; calling it twice sends once",
    params: IdParams,
    response: { 200: CampaignRunAnswer, ...REFUSALS },
  };
  app.post("/campaigns/:id/run", { schema }, async ({ params: { id } }) => {
    const start = await startCampaign(deps, id);
    switch (start.kind) {
      case "started":
        return {
          success: true as const,
          message: `Campaign ${id} triggered successfully`,
          data: { campaignId: id, totalLeads: start.audience, jobPublished: true },
        };
      case "not_found":
        throw notFound("Campaign", id);
      case "segment_not_found":
        throw notFound("Segment", start.segment_id);
      case "empty_audience":
        throw new Refusal({
          status: 422,
          code: "CAMPAIGN_EMPTY_AUDIENCE",
          message: "The campaign has nobody to go to",
          details: `No lead matches the segment with ID ${start.segment_id}: change its rule, or import leads first`,
        });
      case "not_startable":
        if (start.status === "RUNNING")
          throw conflict("CAMPAIGN_ALREADY_RUNNING", "The campaign is already running", "It is sent once");
        throw conflict("CAMPAIGN_NOT_STARTABLE", "The campaign cannot be started", start.reason);
      default:
        return unreachable(start);
    }
  });
}
