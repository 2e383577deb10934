/** Owns GET /api/v1/delivery/campaign/:id: a campaign's ledger, and the messages behind it. */
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { DeliveryAnswer, DeliveryQuery } from "@mini-crm/wire/delivery";
import { IdParams } from "@mini-crm/wire/text";
import type { BackendDeps } from "../deps.ts";
import { breakdownOf } from "../present/campaign.ts";
import { ok } from "../present/envelope.ts";
import { messageJson } from "../present/message.ts";
import { pageRequest, pagination } from "../present/page.ts";
import { notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

export function deliveryRoutes(app: HttpServer, { store }: BackendDeps): void {
  const schema = {
    tags: ["delivery"],
    summary: "Who got a campaign's message, who did not, and why",
    params: IdParams,
    querystring: DeliveryQuery,
    response: { 200: DeliveryAnswer, ...REFUSALS },
  };
  app.get("/delivery/campaign/:id", { schema }, async ({ params: { id }, query }) => {
    const request = pageRequest(query);
    const campaign = await store.campaigns.read(id);
    if (campaign === null) throw notFound("Campaign", id);
    const logs = await store.messages.ofCampaign(id, { ...request, status: query.status ?? null, code: query.code ?? null });
    const data = {
      campaignId: id,
      ...breakdownOf(campaign),
      deliveryLogs: logs.items.map((message) => messageJson(message, campaign.frozen?.variants ?? [])),
      pagination: pagination(request, logs.total),
    };
    return ok(data);
  });
}
