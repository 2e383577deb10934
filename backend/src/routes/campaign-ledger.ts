/** Owns GET /api/v1/campaigns/:id/ledger: where everyone of the audience stands, and the check that anyone can run. */
import { differencesOf, type LedgerAudit, ledgerCloses } from "@mini-crm/core/campaign/audit";
import { type FrozenVariant, ledgerOf } from "@mini-crm/core/campaign/campaign";
import { variantName } from "@mini-crm/core/campaign/variant";
import { reasonOf } from "@mini-crm/core/message/reasons";
import { isRetryable, retryRefusal } from "@mini-crm/core/message/retry";
import type { LedgerCount } from "@mini-crm/core/ports/store";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { LedgerAnswer, LedgerQuery } from "@mini-crm/wire/ledger";
import { IdParams } from "@mini-crm/wire/text";
import { draftAudiences } from "../campaign-view.ts";
import type { BackendDeps } from "../deps.ts";
import { ok } from "../present/envelope.ts";
import { notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

export function campaignLedgerRoutes(app: HttpServer, { store, clock }: BackendDeps): void {
  const schema = {
    tags: ["delivery"],
    summary: "Where everyone of a campaign's audience stands, by status and reason; with ?check=rows counted from the rows, too",
    params: IdParams,
    querystring: LedgerQuery,
    response: { 200: LedgerAnswer, ...REFUSALS },
  };
  app.get("/campaigns/:id/ledger", { schema }, async ({ params: { id }, query }) => {
    const known = await store.campaigns.read(id);
    if (known === null) throw notFound("Campaign", id);
    const now = clock.now();
    const campaign = await draftAudiences({ store }, now)(known);
    const refusal = retryRefusal(campaign, now);
    const data = {
      campaign_id: id,
      status: campaign.status,
      stats: ledgerOf(campaign),
      closes: ledgerCloses(campaign),
      counts: placesOf(await store.messages.counts(id), refusal === null),
      retry_refusal: refusal,
    };
    if (query.check === undefined) return ok(data);
    return ok({ ...data, check: checkOf(await store.messages.audit(id), campaign.frozen?.variants ?? []) });
  });
}

/** The counts by status and reason, whatever text they have. */
function placesOf(counts: readonly LedgerCount[], mayBeRetried: boolean) {
  const places = Map.groupBy(counts, ({ status, code }) => `${status} ${code ?? ""}`);
  return [...places.values()].flatMap((texts) => {
    const [first] = texts;
    if (first === undefined) return [];
    const { status, code } = first;
    const messages = texts.reduce((sum, count) => sum + count.messages, 0);
    const reason = code === null ? null : reasonOf(code);
    return [{ status, code, reason, messages, retryable: mayBeRetried && isRetryable(status, code) ? messages : 0 }];
  });
}

function checkOf(audit: LedgerAudit, variants: readonly FrozenVariant[]) {
  const found = differencesOf(audit);
  const differences = found.map((difference) => ({ ...difference, variant: variantName(variants, difference.variant) }));
  const rows = audit.rows.reduce((sum, { messages }) => sum + messages, 0);
  return { counters_equal_rows: differences.length === 0, rows, differences };
}
