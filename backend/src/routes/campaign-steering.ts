/** Owns POST /api/v1/campaigns/:id/schedule, /unschedule, /pause, /resume and /cancel. */
import { unreachable } from "@mini-crm/core/app-error";
import type { CampaignCommand, SteeringCommand } from "@mini-crm/core/campaign/lifecycle";
import { DEFAULT_GRACE_MINUTES, readSchedule } from "@mini-crm/core/campaign/schedule";
import type { SteeringResult } from "@mini-crm/core/ports/steps";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { invalidInput } from "@mini-crm/runtime/http/refusal";
import { CampaignAnswer, type CampaignJson, CampaignScheduleBody } from "@mini-crm/wire/campaign";
import { IdParams } from "@mini-crm/wire/text";
import { campaignView } from "../campaign-view.ts";
import type { BackendDeps } from "../deps.ts";
import { ok } from "../present/envelope.ts";
import { conflict, notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

type Command = Exclude<CampaignCommand, "start" | "retry">;

/** What each command does, and how it is refused where it makes no sense. */
const COMMANDS: Record<Command, { summary: string; code: string; refusal: string }> = {
  schedule: {
    summary: "Have a campaign start by itself at a time; scheduled again, the new time counts",
    code: "CAMPAIGN_NOT_SCHEDULABLE",
    refusal: "The campaign cannot be scheduled",
  },
  unschedule: {
    summary: "Take a scheduled campaign's time away: it is a DRAFT again",
    code: "CAMPAIGN_NOT_UNSCHEDULABLE",
    refusal: "The campaign cannot be unscheduled",
  },
  pause: {
    summary: "Stop sending and keep the place; what is on the wire is still answered",
    code: "CAMPAIGN_NOT_PAUSABLE",
    refusal: "The campaign cannot be paused",
  },
  resume: {
    summary: "Go on with a paused campaign where it was",
    code: "CAMPAIGN_NOT_RESUMABLE",
    refusal: "The campaign cannot be resumed",
  },
  cancel: {
    summary: "Stop for good: what was sent stays sent, everybody else is CANCELLED",
    code: "CAMPAIGN_NOT_CANCELLABLE",
    refusal: "The campaign cannot be cancelled",
  },
};
const MINUTE_MS = 60_000;

/** Telling a campaign the same twice is answered the same twice. */
export function campaignSteeringRoutes(app: HttpServer, deps: BackendDeps): void {
  const { bus, clock } = deps;
  app.post("/campaigns/:id/schedule", { schema: { ...schemaOf("schedule"), body: CampaignScheduleBody } }, async (request) => {
    const { id } = request.params;
    const { at, timezone = null, grace_minutes = DEFAULT_GRACE_MINUTES } = request.body;
    const now = clock.now();
    const read = readSchedule({ at, timezone }, now);
    if (!read.ok) throw invalidInput([read.problem]);
    const input = { campaign_id: id, at: read.at, graceMs: grace_minutes * MINUTE_MS, now };
    const [scheduled] = await bus.commit([{ step: "schedule", input }]);
    return ok(await outcomeOf(deps, id, "schedule", scheduled));
  });
  app.post("/campaigns/:id/unschedule", { schema: schemaOf("unschedule") }, async ({ params: { id } }) => {
    const input = { campaign_id: id, at: null, graceMs: 0, now: clock.now() };
    const [unscheduled] = await bus.commit([{ step: "schedule", input }]);
    return ok(await outcomeOf(deps, id, "unschedule", unscheduled));
  });
  for (const command of ["pause", "resume", "cancel"] satisfies SteeringCommand[]) {
    app.post(`/campaigns/:id/${command}`, { schema: schemaOf(command) }, async ({ params: { id } }) => {
      const [steered] = await bus.commit([{ step: "steer", input: { campaign_id: id, command, now: clock.now() } }]);
      return ok(await outcomeOf(deps, id, command, steered));
    });
  }
}

function schemaOf(command: Command) {
  const { summary } = COMMANDS[command];
  return { tags: ["campaigns"], summary, params: IdParams, response: { 200: CampaignAnswer, ...REFUSALS } };
}

async function outcomeOf(deps: BackendDeps, id: string, command: Command, result: SteeringResult): Promise<CampaignJson> {
  switch (result.kind) {
    case "steered":
    case "already":
      return campaignView(deps)(result.campaign);
    case "refused":
      throw conflict(COMMANDS[command].code, COMMANDS[command].refusal, result.reason);
    case "not_found":
      throw notFound("Campaign", id);
    default:
      return unreachable(result);
  }
}
