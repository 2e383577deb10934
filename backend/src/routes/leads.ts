/** Owns the routes under /api/v1/leads. */
import { unreachable } from "@mini-crm/core/app-error";
import { readLead, readLeadChange } from "@mini-crm/core/lead/intake";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { invalidInput } from "@mini-crm/runtime/http/refusal";
import { Removed, success } from "@mini-crm/wire/envelope";
import { LeadAnswer, LeadBody, LeadDetailAnswer, LeadListAnswer, LeadListQuery } from "@mini-crm/wire/lead";
import { IdParams } from "@mini-crm/wire/text";
import type { BackendDeps } from "../deps.ts";
import { ok, removed } from "../present/envelope.ts";
import { inboundJson } from "../present/inbound.ts";
import { leadJson, phoneFlags } from "../present/lead.ts";
import { messageJson } from "../present/message.ts";
import { pageRequest, pagination } from "../present/page.ts";
import { conflict, notFound } from "../refusals.ts";
import { messagesTo } from "../sent-messages.ts";
import { ruleOfFilters, sortOf } from "./lead-filters.ts";
import { READ_BY_DOMAIN, REFUSALS } from "./schemas.ts";

const tags = ["leads"];
/** How many of the messages to one lead, and of the texts from it, are shown with it. */
const SHOWN_MESSAGES = 50;

export function leadRoutes(app: HttpServer, deps: BackendDeps): void {
  addLead(app, deps);
  listLeads(app, deps);
  showLead(app, deps);
  changeLead(app, deps);
  removeLead(app, deps);
}

function addLead(app: HttpServer, { store, clock }: BackendDeps): void {
  const schema = {
    tags,
    summary: "Add a lead (201), or merge it into the one that has its external_id, a phone or an e-mail of it (200)",
    body: LeadBody,
    response: { 200: LeadAnswer, 201: LeadAnswer, ...REFUSALS },
  };
  app.post("/leads", { schema, ...READ_BY_DOMAIN }, async (request, reply) => {
    const read = readLead(request.body);
    if (!read.ok) throw invalidInput(read.problems);
    const { kind, lead } = await store.leads.add(read.lead, clock.now());
    reply.code(kind === "added" ? 201 : 200);
    return ok(leadJson(lead));
  });
}

function listLeads(app: HttpServer, { store, clock }: BackendDeps): void {
  const schema = {
    tags,
    summary: "The leads that pass every filter",
    querystring: LeadListQuery,
    response: { 200: LeadListAnswer, ...REFUSALS },
  };
  app.get("/leads", { schema }, async ({ query }) => {
    const request = pageRequest(query);
    const segment = query.segment_id === undefined ? null : await store.segments.read(query.segment_id);
    if (query.segment_id !== undefined && segment === null) throw notFound("Segment", query.segment_id);
    const rule = ruleOfFilters(query, segment?.rule_ast ?? null);
    const { items, total } = await store.leads.list({
      ...request,
      rule,
      sort: sortOf(query.sort ?? "created_at"),
      now: clock.now(),
    });
    return ok({ leads: items.map(leadJson), pagination: pagination(request, total) });
  });
}

function showLead(app: HttpServer, { store }: BackendDeps): void {
  const schema = {
    tags,
    summary: "One lead, what is doubtful about it, what was sent to it and what came from it",
    params: IdParams,
    response: { 200: LeadDetailAnswer, ...REFUSALS },
  };
  app.get("/leads/:id", { schema }, async ({ params: { id } }) => {
    const lead = await store.leads.read(id);
    if (lead === null) throw notFound("Lead", id);
    const sent = await messagesTo(store, id, SHOWN_MESSAGES);
    const inbound = await store.inbound.ofLead(id, SHOWN_MESSAGES);
    const data = {
      ...leadJson(lead),
      phone_flags: phoneFlags(lead),
      messages: sent.map(({ message, campaign }) => messageJson(message, campaign.frozen.variants)),
      inbound: inbound.map(inboundJson),
    };
    return ok(data);
  });
}

function changeLead(app: HttpServer, { store, clock }: BackendDeps): void {
  const schema = {
    tags,
    summary: "Replace the given fields of a lead",
    params: IdParams,
    body: LeadBody,
    response: { 200: LeadAnswer, ...REFUSALS },
  };
  app.patch("/leads/:id", { schema, ...READ_BY_DOMAIN }, async ({ params: { id }, body }) => {
    const read = readLeadChange(body);
    if (!read.ok) throw invalidInput(read.problems);
    const change = await store.leads.change(id, read.lead, clock.now());
    switch (change.kind) {
      case "changed":
        return ok(leadJson(change.lead));
      case "not_found":
        throw notFound("Lead", id);
      case "taken":
        throw conflict(
          "EXTERNAL_ID_TAKEN",
          "Another lead has this external_id",
          `It belongs to the lead with ID ${change.lead_id}`,
        );
      default:
        return unreachable(change);
    }
  });
}

function removeLead(app: HttpServer, { store }: BackendDeps): void {
  const schema = {
    tags,
    summary: "Remove a lead; the messages that were sent to it stay in the ledger",
    params: IdParams,
    response: { 200: success(Removed), ...REFUSALS },
  };
  app.delete("/leads/:id", { schema }, async ({ params: { id } }) => {
    if (!(await store.leads.remove(id))) throw notFound("Lead", id);
    return ok(removed(id));
  });
}
