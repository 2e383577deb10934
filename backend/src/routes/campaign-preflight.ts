/** Owns POST /api/v1/campaigns/:id/preflight. */
import { unreachable } from "@mini-crm/core/app-error";
import type { Campaign } from "@mini-crm/core/campaign/campaign";
import { forecastOf, type Preflight, preflight } from "@mini-crm/core/campaign/preflight";
import { messagesPerMinute } from "@mini-crm/core/campaign/waiting";
import { channelAmong } from "@mini-crm/core/channel/channel-sign";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { PreflightAnswer, PreflightBody, type PreflightJson } from "@mini-crm/wire/preflight";
import { IdParams } from "@mini-crm/wire/text";
import type { BackendDeps } from "../deps.ts";
import { livingWorkers } from "../living-workers.ts";
import { ok } from "../present/envelope.ts";
import { preflightJson } from "../present/preflight.ts";
import { iso, isoOrNull } from "../present/time.ts";
import { channelRefused, conflict, notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

export function campaignPreflightRoutes(app: HttpServer, deps: BackendDeps): void {
  const schema = {
    tags: ["campaigns"],
    summary: "Whom a campaign would reach and with what, if it were run now: nothing is sent",
    params: IdParams,
    body: PreflightBody,
    response: { 200: PreflightAnswer, ...REFUSALS },
  };
  app.post("/campaigns/:id/preflight", { schema }, async ({ params: { id } }) => {
    const run = await preflight(deps, id, deps.newId());
    switch (run.kind) {
      case "shown":
        return ok(preflightJson(run.preflight, await outlookOf(deps, run.campaign, run.preflight)));
      case "not_found":
        throw notFound("Campaign", id);
      case "segment_not_found":
        throw notFound("Segment", run.segment_id);
      case "not_startable":
        throw conflict("CAMPAIGN_NOT_STARTABLE", "The campaign cannot be started", run.reason);
      case "channel_refused":
        throw channelRefused(run.reason);
      default:
        return unreachable(run);
    }
  });
}

/** What the state of its channel means for it; a scheduled campaign begins at its time. */
async function outlookOf(
  deps: BackendDeps,
  { channel_id, scheduled_at }: Campaign,
  shown: Preflight,
): Promise<Pick<PreflightJson, "limit_per_minute" | "recipients_per_day" | "messages_ahead" | "estimated_done_at">> {
  const { store, clock } = deps;
  const signs = (await livingWorkers(deps)).flatMap(({ channels }) => channels);
  const { rate = null, recipientsPerDay: most = null } = channelAmong(signs, channel_id)?.limits ?? {};
  const use = rate === null ? null : await store.messages.rateUse(channel_id, rate, clock.now());
  const people = most === null ? null : { most, ...(await store.contacts.recipientUse(channel_id, clock.now())) };
  const ahead = await store.messages.waiting(channel_id);
  const now = Math.max(clock.now(), scheduled_at ?? 0);
  const doneAt = forecastOf(shown, { ahead, rate, use, people, measuredPerMinute: null, now });
  return {
    limit_per_minute: rate === null ? null : messagesPerMinute(rate),
    recipients_per_day: people && {
      most: people.most,
      used: people.recipients,
      resets_at: people.recipients === 0 ? null : iso(people.resetAt),
    },
    messages_ahead: ahead,
    estimated_done_at: isoOrNull(doneAt),
  };
}
