/** Owns the routes under /api/v1/segments. */
import { unreachable } from "@mini-crm/core/app-error";
import { parseRule } from "@mini-crm/core/segment/parse-rule";
import type { Rule } from "@mini-crm/core/segment/rule";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { invalidInput } from "@mini-crm/runtime/http/refusal";
import { Removed, success } from "@mini-crm/wire/envelope";
import { PageQuery } from "@mini-crm/wire/pagination";
import {
  PreviewAnswer,
  PreviewBody,
  PreviewQuery,
  SegmentAnswer,
  SegmentBody,
  SegmentChangeBody,
  SegmentListAnswer,
} from "@mini-crm/wire/segment";
import { IdParams } from "@mini-crm/wire/text";
import type { BackendDeps } from "../deps.ts";
import { ok, removed } from "../present/envelope.ts";
import { leadJson } from "../present/lead.ts";
import { pageRequest, pagination } from "../present/page.ts";
import { segmentJson } from "../present/segment.ts";
import { conflict, notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

const tags = ["segments"];
const SAMPLE_LEADS = 10;

export function segmentRoutes(app: HttpServer, deps: BackendDeps): void {
  createSegment(app, deps);
  previewRule(app, deps);
  listSegments(app, deps);
  readSegment(app, deps);
  changeSegment(app, deps);
  removeSegment(app, deps);
}

function createSegment(app: HttpServer, { store, clock, newId }: BackendDeps): void {
  const schema = { tags, summary: "Save a rule as a segment", body: SegmentBody, response: { 201: SegmentAnswer, ...REFUSALS } };
  app.post("/segments", { schema }, async ({ body }, reply) => {
    const now = clock.now();
    const segment = {
      _id: newId(),
      name: body.name,
      owner_user_id: body.owner_user_id ?? "admin",
      rule_ast: ruleIn(body.rule_ast),
      created_at: now,
      updated_at: now,
    };
    await store.segments.create(segment);
    reply.code(201);
    return ok(segmentJson(segment));
  });
}

function previewRule(app: HttpServer, { store, clock, ruleAsMongoQuery }: BackendDeps): void {
  const schema = {
    tags,
    summary: "How many leads a rule matches, and the first of them",
    body: PreviewBody,
    querystring: PreviewQuery,
    response: { 200: PreviewAnswer, ...REFUSALS },
  };
  app.post("/segments/preview", { schema }, async ({ body, query }) => {
    const rule = ruleIn(body.rule_ast);
    const now = clock.now();
    const [count, sample, plan] = await Promise.all([
      store.segments.count(rule, now),
      store.segments.sample(rule, body.limit ?? SAMPLE_LEADS, now),
      query.explain === true ? store.segments.explain(rule, now) : null,
    ]);
    const explain = plan === null ? {} : { explain: { mongodb: ruleAsMongoQuery(rule, now), ...plan } };
    return ok({ count, sample: sample.map(leadJson), ...explain });
  });
}

function listSegments(app: HttpServer, { store }: BackendDeps): void {
  const schema = {
    tags,
    summary: "All segments, newest first",
    querystring: PageQuery,
    response: { 200: SegmentListAnswer, ...REFUSALS },
  };
  app.get("/segments", { schema }, async ({ query }) => {
    const request = pageRequest(query);
    const { items, total } = await store.segments.list(request);
    return { ...ok(items.map(segmentJson)), pagination: pagination(request, total) };
  });
}

function readSegment(app: HttpServer, { store }: BackendDeps): void {
  const schema = { tags, summary: "One segment", params: IdParams, response: { 200: SegmentAnswer, ...REFUSALS } };
  app.get("/segments/:id", { schema }, async ({ params: { id } }) => {
    const segment = await store.segments.read(id);
    if (segment === null) throw notFound("Segment", id);
    return ok(segmentJson(segment));
  });
}

function changeSegment(app: HttpServer, { store, clock }: BackendDeps): void {
  const schema = {
    tags,
    summary: "Change a segment; campaigns that run keep the rule that they began with",
    params: IdParams,
    body: SegmentChangeBody,
    response: { 200: SegmentAnswer, ...REFUSALS },
  };
  app.patch("/segments/:id", { schema }, async ({ params: { id }, body: { rule_ast, ...fields } }) => {
    const rule = rule_ast === undefined ? {} : { rule_ast: ruleIn(rule_ast) };
    const segment = await store.segments.change(id, { ...fields, ...rule }, clock.now());
    if (segment === null) throw notFound("Segment", id);
    return ok(segmentJson(segment));
  });
}

function removeSegment(app: HttpServer, { store }: BackendDeps): void {
  const schema = {
    tags,
    summary: "Remove a segment that no unfinished campaign uses",
    params: IdParams,
    response: { 200: success(Removed), ...REFUSALS },
  };
  app.delete("/segments/:id", { schema }, async ({ params: { id } }) => {
    const removal = await store.segments.remove(id);
    switch (removal.kind) {
      case "removed":
        return ok(removed(id));
      case "not_found":
        throw notFound("Segment", id);
      case "in_use":
        throw conflict(
          "SEGMENT_IN_USE",
          "The segment is in use",
          `Remove or finish the campaigns that use it first: ${removal.campaigns.join(", ")}`,
        );
      default:
        return unreachable(removal);
    }
  });
}

function ruleIn(input: unknown): Rule {
  const parsed = parseRule(input);
  if (!parsed.ok) throw invalidInput([parsed.problem]);
  return parsed.rule;
}
