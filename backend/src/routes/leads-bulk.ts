/** Owns POST /api/v1/leads/bulk: leads by the thousand, whose body stays bytes until another thread reads it. */
import type { RejectedLead } from "@mini-crm/core/lead/read-leads";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { invalidInput } from "@mini-crm/runtime/http/refusal";
import { LeadBulkAnswer, LeadBulkBody } from "@mini-crm/wire/lead";
import type { BackendDeps } from "../deps.ts";
import { ok } from "../present/envelope.ts";
import { READ_BY_DOMAIN, REFUSALS } from "./schemas.ts";

const BODY_LIMIT_BYTES = 16 * 1024 * 1024;

/** Call it on an instance of its own: it changes how JSON bodies come in. */
export function leadBulkRoutes(app: HttpServer, { store, clock, readLeads }: BackendDeps): void {
  app.removeContentTypeParser("application/json");
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => done(null, body));

  const schema = {
    tags: ["leads"],
    summary: "Add or merge up to 10,000 leads at once; good rows are taken although others are rejected",
    body: LeadBulkBody,
    response: { 200: LeadBulkAnswer, ...REFUSALS },
  };
  app.post("/leads/bulk", { schema, bodyLimit: BODY_LIMIT_BYTES, ...READ_BY_DOMAIN }, async (request) => {
    const body: unknown = request.body;
    const read = await readLeads(body instanceof Uint8Array ? body : new Uint8Array());
    if (read.kind === "refused") throw invalidInput([read.problem]);
    const counts = await store.leads.import(read.encoded, clock.now());
    const data = { ...counts, rejected: read.rejected.length };
    // The leads are in the store: whoever imports them need not hear that those who watch did not.
    await store.activity.note([{ at: clock.now(), kind: "leads.imported", subject: null, data }]).catch((error: unknown) => {
      request.log.warn({ err: error }, "An import could not be told to those who watch");
    });
    return ok({ ...counts, rejected: read.rejected.map(rejection) });
  });
}

/** One line per rejected row: where its first problem is, and all that is wrong with it. */
function rejection({ index, problems }: RejectedLead): { index: number; field: string; rule: string; reason: string } {
  const reason = problems.map(({ message }) => message).join(" ");
  return { index, field: problems[0]?.field ?? "", rule: problems[0]?.rule ?? "", reason };
}
