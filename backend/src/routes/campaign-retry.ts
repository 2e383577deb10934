/** Owns POST /api/v1/campaigns/:id/retry: chosen messages are tried again, with their number shown before. */
import { unreachable } from "@mini-crm/core/app-error";
import { reasonOf } from "@mini-crm/core/message/reasons";
import { isRetryable } from "@mini-crm/core/message/retry";
import type { ReasonCount, RetryChoice, StepResult, StepTable } from "@mini-crm/core/ports/steps";
import { quote } from "@mini-crm/core/text";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import type { Refusal } from "@mini-crm/runtime/http/refusal";
import { RetryAnswer, RetryBody, type RetryJson } from "@mini-crm/wire/retry";
import { IdParams } from "@mini-crm/wire/text";
import type { BackendDeps } from "../deps.ts";
import { ok } from "../present/envelope.ts";
import { conflict, notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

/** How many messages one transaction has tried again: others wait for it no longer than for one of an import. */
const MESSAGES_PER_ROUND = 5_000;

const MAY_COME_TWICE =
  "Nobody knows whether these arrived: whoever did get one gets it again. A receipt may still settle them by itself.";

export function campaignRetryRoutes(app: HttpServer, deps: BackendDeps): void {
  const schema = {
    tags: ["delivery"],
    summary: "Have failed, uncertain or skipped messages tried again; with dry_run only count them",
    params: IdParams,
    body: RetryBody,
    response: { 200: RetryAnswer, ...REFUSALS },
  };
  app.post("/campaigns/:id/retry", { schema }, async ({ params: { id }, body }) => {
    const choice = { status: body.status, code: body.code ?? null, lead_ids: body.lead_ids ?? null };
    const isDryRun = body.dry_run === true;
    const counts = isDryRun ? await count(deps, id, choice, body.expect) : await tryAgain(deps, id, choice, body.expect ?? null);
    const warnings = warningsOf(choice, sumOf(counts));
    const data: RetryJson = {
      campaign_id: id,
      dry_run: isDryRun,
      count: sumOf(counts),
      by_code: byCode(counts),
      warning: warnings.length === 0 ? null : warnings.join(" "),
    };
    return ok(data);
  });
}

/** What to think of before, and why `found` may be less than somebody expects. A campaign has one message to each lead. */
function warningsOf({ status, code, lead_ids }: RetryChoice, found: number): string[] {
  const leads = new Set(lead_ids).size;
  const isNeverTried = status === "SKIPPED" && code !== null && !isRetryable(status, code);
  return [
    ...(status === "UNCERTAIN" && found > 0 ? [MAY_COME_TWICE] : []),
    ...(isNeverTried ? [`Messages that are SKIPPED with the code ${quote(code)} are never tried again.`] : []),
    ...(leads > found
      ? [`For ${leads - found} of the ${leads} \`lead_ids\` this campaign has no such message to try again.`]
      : []),
  ];
}

async function count(
  { store, clock }: BackendDeps,
  id: string,
  choice: RetryChoice,
  expected: number | undefined,
): Promise<ReasonCount[]> {
  const counted = await store.messages.retryable(id, choice, clock.now());
  if (counted.kind !== "counted") throw refusalOf(counted, id);
  if (expected !== undefined && expected !== sumOf(counted.counts)) throw changed(expected, counted.counts);
  return counted.counts;
}

/** Round by round, each from where the one before ended: what fails again meanwhile is not tried a third time. */
async function tryAgain(
  { bus, clock }: BackendDeps,
  id: string,
  choice: RetryChoice,
  expected: number | null,
): Promise<ReasonCount[]> {
  const counts: ReasonCount[] = [];
  let after: string | null = null;
  do {
    const round: StepTable["retry"]["input"] = {
      campaign_id: id,
      choice,
      after,
      limit: MESSAGES_PER_ROUND,
      expected: after === null ? expected : null,
      now: clock.now(),
    };
    const [result]: [StepResult<"retry">] = await bus.commit([{ step: "retry", input: round }]);
    if (result.kind === "changed") throw changed(expected ?? 0, result.counts);
    // Whoever cancels the campaign meanwhile ends the rounds as well: what was tried again before is answered.
    if (result.kind !== "retried" && after !== null) return counts;
    if (result.kind !== "retried") throw refusalOf(result, id);
    counts.push(...result.counts);
    after = result.next;
  } while (after !== null);
  return counts;
}

function refusalOf(refused: { kind: "refused"; reason: string } | { kind: "not_found" }, id: string): Refusal {
  switch (refused.kind) {
    case "refused":
      return conflict("CAMPAIGN_NOT_RETRYABLE", "Nothing of the campaign can be tried again", refused.reason);
    case "not_found":
      return notFound("Campaign", id);
    default:
      return unreachable(refused);
  }
}

function changed(expected: number, counts: readonly ReasonCount[]): Refusal {
  return conflict(
    "RETRY_COUNT_CHANGED",
    "There are more or fewer messages to try again than were expected",
    `${expected} were expected, and there are ${sumOf(counts)} now: look at them again, nothing has been changed`,
  );
}

function byCode(counts: readonly ReasonCount[]): RetryJson["by_code"] {
  const codes = Map.groupBy(counts, ({ code }) => code);
  return [...codes].map(([code, parts]) => ({ code, reason: code === null ? null : reasonOf(code), messages: sumOf(parts) }));
}

function sumOf(counts: readonly ReasonCount[]): number {
  return counts.reduce((sum, { messages }) => sum + messages, 0);
}
