/** Owns the routes under /api/v1/campaigns that write, read and remove campaigns. */
import { unreachable } from "@mini-crm/core/app-error";
import { type Campaign, noMessages } from "@mini-crm/core/campaign/campaign";
import { NO_OPTIONS } from "@mini-crm/core/campaign/options";
import type { Store } from "@mini-crm/core/ports/store";
import type { Segment } from "@mini-crm/core/segment/segment";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { CampaignAnswer, CampaignBody, CampaignChangeBody, CampaignListAnswer, CampaignListQuery } from "@mini-crm/wire/campaign";
import { Removed, success } from "@mini-crm/wire/envelope";
import { IdParams } from "@mini-crm/wire/text";
import { campaignView } from "../campaign-view.ts";
import type { BackendDeps } from "../deps.ts";
import { campaignJson, NOT_UNDER_WAY } from "../present/campaign.ts";
import { ok, removed } from "../present/envelope.ts";
import { pageRequest, pagination } from "../present/page.ts";
import { channelWith, conflict, notFound } from "../refusals.ts";
import { contentOf } from "./campaign-content.ts";
import { REFUSALS } from "./schemas.ts";

const tags = ["campaigns"];

export function campaignRoutes(app: HttpServer, deps: BackendDeps): void {
  createCampaign(app, deps);
  listCampaigns(app, deps);
  readCampaign(app, deps);
  changeCampaign(app, deps);
  removeCampaign(app, deps);
}

function createCampaign(app: HttpServer, { store, clock, newId, defaultChannelId }: BackendDeps): void {
  const schema = {
    tags,
    summary: "Write a campaign; nothing is sent yet",
    body: CampaignBody,
    response: { 201: CampaignAnswer, ...REFUSALS },
  };
  app.post("/campaigns", { schema }, async ({ body }, reply) => {
    const now = clock.now();
    const { message_template, options } = contentOf(body, { message_template: "", options: NO_OPTIONS }, now);
    const segment = await segmentWith(store, body.segment_id);
    const { channel_id = defaultChannelId } = body;
    await channelWith(store, channel_id);
    const campaign: Campaign = {
      _id: newId(),
      name: body.name,
      segment_id: segment._id,
      channel_id,
      message_template,
      options,
      created_by: body.created_by ?? "admin",
      status: "DRAFT",
      scheduled_at: null,
      schedule_grace_ms: 0,
      hold: null,
      canary_phase: null,
      frozen: null,
      expected: await store.segments.count(segment.rule_ast, now),
      expanded: false,
      counts: noMessages(),
      created_at: now,
      updated_at: now,
      started_at: null,
      last_sent_at: null,
      completed_at: null,
    };
    await store.campaigns.create(campaign);
    reply.code(201);
    return ok(campaignJson(campaign, NOT_UNDER_WAY));
  });
}

function listCampaigns(app: HttpServer, deps: BackendDeps): void {
  const schema = {
    tags,
    summary: "All campaigns, newest first",
    querystring: CampaignListQuery,
    response: { 200: CampaignListAnswer, ...REFUSALS },
  };
  app.get("/campaigns", { schema }, async ({ query }) => {
    const request = pageRequest(query);
    const { items, total } = await deps.store.campaigns.list({ ...request, status: query.status ?? null });
    const view = campaignView(deps);
    const data = [];
    for (const campaign of items) data.push(await view(campaign));
    return { ...ok(data), pagination: pagination(request, total) };
  });
}

function readCampaign(app: HttpServer, deps: BackendDeps): void {
  const schema = {
    tags,
    summary: "One campaign with its ledger",
    params: IdParams,
    response: { 200: CampaignAnswer, ...REFUSALS },
  };
  app.get("/campaigns/:id", { schema }, async ({ params: { id } }) => {
    const campaign = await deps.store.campaigns.read(id);
    if (campaign === null) throw notFound("Campaign", id);
    return ok(await campaignView(deps)(campaign));
  });
}

function changeCampaign(app: HttpServer, deps: BackendDeps): void {
  const { store, clock } = deps;
  const schema = {
    tags,
    summary: "Change a campaign that is still a DRAFT",
    params: IdParams,
    body: CampaignChangeBody,
    response: { 200: CampaignAnswer, ...REFUSALS },
  };
  app.patch("/campaigns/:id", { schema }, async ({ params: { id }, body }) => {
    const known = await store.campaigns.read(id);
    if (known === null) throw notFound("Campaign", id);
    const content = contentOf(body, known, clock.now());
    if (body.segment_id !== undefined) await segmentWith(store, body.segment_id);
    if (body.channel_id !== undefined) await channelWith(store, body.channel_id);
    const { name = known.name, segment_id = known.segment_id, channel_id = known.channel_id } = body;
    const change = await store.campaigns.change(id, { name, segment_id, channel_id, ...content }, clock.now());
    switch (change.kind) {
      case "changed":
        return ok(await campaignView(deps)(change.campaign));
      case "not_found":
        throw notFound("Campaign", id);
      case "not_draft":
        throw conflict(
          "CAMPAIGN_NOT_EDITABLE",
          "The campaign can no longer be changed",
          change.status === "SCHEDULED"
            ? "It is SCHEDULED, and only a DRAFT can be changed: unschedule it, change it, and schedule it again"
            : `It is ${change.status}, and only a DRAFT can be changed: write a new campaign`,
        );
      default:
        return unreachable(change);
    }
  });
}

function removeCampaign(app: HttpServer, { store }: BackendDeps): void {
  const schema = {
    tags,
    summary: "Remove a campaign with its messages, unless it is being sent",
    params: IdParams,
    response: { 200: success(Removed), ...REFUSALS },
  };
  app.delete("/campaigns/:id", { schema }, async ({ params: { id } }) => {
    const removal = await store.campaigns.remove(id);
    switch (removal.kind) {
      case "removed":
        return ok(removed(id));
      case "not_found":
        throw notFound("Campaign", id);
      case "in_progress":
        throw removal.status === "SCHEDULED"
          ? conflict("CAMPAIGN_IN_PROGRESS", "The campaign is going to be sent", "It is SCHEDULED: unschedule it first")
          : conflict(
              "CAMPAIGN_IN_PROGRESS",
              "The campaign is being sent",
              `It is ${removal.status}: wait until it has come to its end, or cancel it`,
            );
      default:
        return unreachable(removal);
    }
  });
}

async function segmentWith(store: Store, id: string): Promise<Segment> {
  const segment = await store.segments.read(id);
  if (segment === null) throw notFound("Segment", id);
  return segment;
}
