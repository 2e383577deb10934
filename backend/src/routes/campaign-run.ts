/** Owns POST /api/v1/campaigns/:id/run. */
import { unreachable } from "@mini-crm/core/app-error";
import { type StartAsShown, startAsShown } from "@mini-crm/core/campaign/preflight";
import { startCampaign } from "@mini-crm/core/campaign/start-campaign";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { Refusal } from "@mini-crm/runtime/http/refusal";
import { CampaignRunAnswer } from "@mini-crm/wire/campaign";
import { RunBody } from "@mini-crm/wire/preflight";
import { IdParams } from "@mini-crm/wire/text";
import type { BackendDeps } from "../deps.ts";
import { iso } from "../present/time.ts";
import { channelRefused, conflict, notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

export function campaignRunRoutes(app: HttpServer, deps: BackendDeps): void {
  const schema = {
    tags: ["campaigns"],
    summary: "Send a campaign to everyone who is in its segment now; calling it twice sends once",
    params: IdParams,
    body: RunBody,
    response: { 200: CampaignRunAnswer, ...REFUSALS },
  };
  app.post("/campaigns/:id/run", { schema }, async ({ params: { id }, body }) => {
    const token = body?.preflight_token;
    const start = token === undefined ? await startCampaign(deps, id) : await startAsShown(deps, id, token);
    if (start.kind !== "started") throw refusalOf(start, id);
    return {
      success: true as const,
      message: `Campaign ${id} triggered successfully`,
      data: { campaignId: id, totalLeads: start.audience, jobPublished: true },
    };
  });
}

function refusalOf(start: Exclude<StartAsShown, { kind: "started" }>, id: string): Refusal {
  switch (start.kind) {
    case "not_found":
      return notFound("Campaign", id);
    case "segment_not_found":
      return notFound("Segment", start.segment_id);
    case "empty_audience":
      return new Refusal({
        status: 422,
        code: "CAMPAIGN_EMPTY_AUDIENCE",
        message: "The campaign has nobody to go to",
        details: `No lead matches the segment with ID ${start.segment_id}: change its rule, or import leads first`,
      });
    case "not_startable":
      if (start.status === "RUNNING")
        return conflict("CAMPAIGN_ALREADY_RUNNING", "The campaign is already running", "It is sent once");
      return conflict("CAMPAIGN_NOT_STARTABLE", "The campaign cannot be started", start.reason);
    case "channel_refused":
      return channelRefused(start.reason);
    case "preflight_not_found":
      return new Refusal({
        status: 404,
        code: "PREFLIGHT_NOT_FOUND",
        message: "Pre-flight not found",
        details: `This token is not known for this campaign, or older than a day: ${MAKE_ANOTHER}`,
      });
    case "preflight_expired": {
      const details = `It held until ${iso(start.expired_at)}: ${MAKE_ANOTHER}`;
      return conflict("PREFLIGHT_EXPIRED", "The pre-flight is too old", details);
    }
    case "preflight_changed": {
      const details = `Changed: ${start.changes.join("; ")}. To go on, ${MAKE_ANOTHER}`;
      return conflict("PREFLIGHT_CHANGED", "The campaign is no longer as the pre-flight showed it", details);
    }
    default:
      return unreachable(start);
  }
}

const MAKE_ANOTHER = "make a new pre-flight and run with its `preflight_token`";
