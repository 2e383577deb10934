/** Owns POST /api/v1/campaigns/:id/test, and the list of what was sent so. */
import { unreachable } from "@mini-crm/core/app-error";
import { sendTest, type TestSend } from "@mini-crm/core/campaign/test-send";
import { parsePhone } from "@mini-crm/core/lead/phone";
import type { Problem } from "@mini-crm/core/problem";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { invalidInput, Refusal } from "@mini-crm/runtime/http/refusal";
import { PageQuery } from "@mini-crm/wire/pagination";
import { TestAnswer, TestBody, TestListAnswer } from "@mini-crm/wire/test-message";
import { IdParams } from "@mini-crm/wire/text";
import type { BackendDeps } from "../deps.ts";
import { testMessageJson } from "../present/direct-message.ts";
import { ok } from "../present/envelope.ts";
import { pageRequest, pagination } from "../present/page.ts";
import { conflict, notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

const tags = ["campaigns"];

export function campaignTestRoutes(app: HttpServer, deps: BackendDeps): void {
  postTest(app, deps);
  listTests(app, deps);
}

function postTest(app: HttpServer, deps: BackendDeps): void {
  const schema = {
    tags,
    summary: "Send one of a campaign's texts to look at it; it is in no figure, and neither quiet hours nor caps hold for it",
    params: IdParams,
    body: TestBody,
    response: { 202: TestAnswer, ...REFUSALS },
  };
  app.post("/campaigns/:id/test", { schema }, async ({ params: { id }, body }, reply) => {
    const { to, lead_id = null, variant = null } = body;
    if (to === undefined && lead_id === null) {
      const message = "Say where it goes: give numbers in `to`, or a `lead_id` to send it to that lead's own number.";
      throw invalidInput([{ field: "to", rule: "required", message }]);
    }
    const sent = await sendTest(deps, id, { to: to === undefined ? null : phonesIn(to), lead_id, variant });
    if (sent.kind !== "queued") throw refusalOf(sent, id);
    reply.code(202);
    return ok({ tests: sent.tests.map(testMessageJson) });
  });
}

function listTests(app: HttpServer, { store }: BackendDeps): void {
  const schema = {
    tags,
    summary: "What was sent of a campaign as a test, newest first",
    params: IdParams,
    querystring: PageQuery,
    response: { 200: TestListAnswer, ...REFUSALS },
  };
  app.get("/campaigns/:id/tests", { schema }, async ({ params: { id }, query }) => {
    if ((await store.campaigns.read(id)) === null) throw notFound("Campaign", id);
    const request = pageRequest(query);
    const { items, total } = await store.direct.ofCampaign(id, request);
    return ok({ tests: items.map(testMessageJson), pagination: pagination(request, total) });
  });
}

function phonesIn(to: readonly string[]): string[] {
  const problems: Problem[] = [];
  const phones = to.flatMap((written, index) => {
    const read = parsePhone(written);
    if (read.ok) return [read.phone];
    problems.push({ field: `to[${index}]`, rule: "phone", message: `\`to[${index}]\`: ${read.reason}` });
    return [];
  });
  if (problems.length > 0) throw invalidInput(problems);
  return phones;
}

function refusalOf(sent: Exclude<TestSend, { kind: "queued" }>, id: string): Refusal {
  switch (sent.kind) {
    case "not_found":
      return notFound("Campaign", id);
    case "lead_not_found":
      return notFound("Lead", sent.lead_id);
    case "nobody":
      return impossible(
        "TEST_WITHOUT_LEAD",
        "There is no lead whose data could be shown",
        "Nobody is in the segment: give a `lead_id`",
      );
    case "no_phone":
      return impossible(
        "TEST_WITHOUT_PHONE",
        "The lead has no phone number",
        `Give numbers in \`to\`; the text shows lead ${sent.lead_id}`,
      );
    case "unknown_variant": {
      const message = `\`variant\` names none of the texts: they are called ${sent.names.join(", ")}.`;
      return invalidInput([{ field: "variant", rule: "unknown_variant", message }]);
    }
    case "not_rendered":
      return impossible("TEST_NOT_RENDERED", "The message cannot be sent", `For lead ${sent.lead_id}: ${sent.reason}`);
    case "opted_out":
      return conflict(
        "TEST_TO_OPTED_OUT",
        "Somebody there does not want messages",
        `${sent.phones.join(", ")}: change the lead's consent first where that is no longer so`,
      );
    default:
      return unreachable(sent);
  }
}

function impossible(code: string, message: string, details: string): Refusal {
  return new Refusal({ status: 422, code, message, details });
}
