/** Owns GET /api/v1/campaigns/:id/ledger: where everyone of the audience stands, and the check that anyone can run. */
import { differencesOf, type LedgerAudit, ledgerCloses } from "@mini-crm/core/campaign/audit";
import { ledgerOf } from "@mini-crm/core/campaign/campaign";
import { reasonOf } from "@mini-crm/core/message/reasons";
import { isRetryable, retryRefusal } from "@mini-crm/core/message/retry";
import type { LedgerCount } from "@mini-crm/core/ports/store";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { LedgerAnswer, LedgerQuery } from "@mini-crm/wire/ledger";
import { IdParams } from "@mini-crm/wire/text";
import type { BackendDeps } from "../deps.ts";
import { breakdownOf } from "../present/campaign.ts";
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
    const campaign = await store.campaigns.read(id);
    if (campaign === null) throw notFound("Campaign", id);
    const written = campaign.frozen === null ? { ...campaign, expected: 0 } : campaign;
    const refusal = retryRefusal(campaign, clock.now());
    const data = {
      campaign_id: id,
      status: campaign.status,
      stats: ledgerOf(written),
      closes: ledgerCloses(written),
      statusBreakdown: breakdownOf(campaign).statusBreakdown,
      counts: placesOf(await store.messages.counts(id), refusal === null),
      retry_refusal: refusal,
    };
    if (query.check === undefined) return ok(data);
    return ok({ ...data, check: checkOf(await store.messages.audit(id)) });
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

function checkOf(audit: LedgerAudit) {
  const differences = differencesOf(audit);
  const rows = audit.rows.reduce((sum, { messages }) => sum + messages, 0);
  return { counters_equal_rows: differences.length === 0, rows, differences };
}
