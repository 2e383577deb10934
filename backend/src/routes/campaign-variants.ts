/** Owns GET /api/v1/campaigns/:id/variants: how a campaign's texts compare. */
import { compareVariants } from "@mini-crm/core/campaign/compare-variants";
import { variantsOf } from "@mini-crm/core/campaign/variant";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { IdParams } from "@mini-crm/wire/text";
import { VariantsAnswer } from "@mini-crm/wire/variants";
import type { BackendDeps } from "../deps.ts";
import { ok } from "../present/envelope.ts";
import { notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

export function campaignVariantRoutes(app: HttpServer, { store }: BackendDeps): void {
  const schema = {
    tags: ["campaigns"],
    summary:
      "How often each of a campaign's texts was delivered, read, answered, and what of the differences is more than chance",
    params: IdParams,
    response: { 200: VariantsAnswer, ...REFUSALS },
  };
  app.get("/campaigns/:id/variants", { schema }, async ({ params: { id } }) => {
    const campaign = await store.campaigns.read(id);
    if (campaign === null) throw notFound("Campaign", id);
    const [counts, reactions] = await Promise.all([store.messages.counts(id), store.inbound.reactions(id)]);
    const variants = campaign.frozen?.variants ?? variantsOf(campaign);
    return ok({ campaign_id: id, variants: compareVariants(variants, counts, reactions) });
  });
}
