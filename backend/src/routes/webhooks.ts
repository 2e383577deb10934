/** Owns the routes under /api/v1/webhooks: who outside hears of what happens, and what came of telling them. */
import { unreachable } from "@mini-crm/core/app-error";
import type { MadeDue } from "@mini-crm/core/ports/webhook-store";
import { DEFAULT_WEBHOOK_KINDS, type Delivery, MOST_WEBHOOKS, type Webhook } from "@mini-crm/core/webhook/webhook";
import { readWebhookUrl } from "@mini-crm/core/webhook/webhook-url";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { invalidInput } from "@mini-crm/runtime/http/refusal";
import { newWebhookSecret } from "@mini-crm/runtime/webhook-signature";
import { Removed, success } from "@mini-crm/wire/envelope";
import { PageQuery } from "@mini-crm/wire/pagination";
import { IdParams } from "@mini-crm/wire/text";
import {
  DeliveryDueAnswer,
  DeliveryListAnswer,
  DeliveryParams,
  WebhookAnswer,
  WebhookBody,
  WebhookChangeBody,
  WebhookCreatedAnswer,
  WebhookListAnswer,
} from "@mini-crm/wire/webhook";
import type { BackendDeps } from "../deps.ts";
import { ok, removed } from "../present/envelope.ts";
import { pageRequest, pagination } from "../present/page.ts";
import { deliveryJson, webhookJson } from "../present/webhook.ts";
import { conflict, notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

const tags = ["webhooks"];

export function webhookRoutes(app: HttpServer, deps: BackendDeps): void {
  createWebhook(app, deps);
  readWebhooks(app, deps);
  changeWebhook(app, deps);
  removeWebhook(app, deps);
  testWebhook(app, deps);
  listDeliveries(app, deps);
  retryDelivery(app, deps);
}

function createWebhook(app: HttpServer, { store, clock, newId, webhookTransport }: BackendDeps): void {
  const schema = {
    tags,
    summary: "Make a webhook; the answer shows the secret that it is signed with, once",
    body: WebhookBody,
    response: { 201: WebhookCreatedAnswer, ...REFUSALS },
  };
  app.post("/webhooks", { schema }, async ({ body }, reply) => {
    const now = clock.now();
    const webhook: Webhook = {
      _id: newId(),
      url: urlIn(body.url, webhookTransport),
      secret: newWebhookSecret(),
      kinds: body.kinds ?? [...DEFAULT_WEBHOOK_KINDS],
      enabled: true,
      off_reason: null,
      failing_since: null,
      created_at: now,
      updated_at: now,
    };
    if ((await store.webhooks.create(webhook)).kind === "full") {
      throw conflict("TOO_MANY_WEBHOOKS", "There are too many webhooks", `There may be ${MOST_WEBHOOKS}: remove one first`);
    }
    reply.code(201);
    return ok({ ...webhookJson(webhook), secret: webhook.secret });
  });
}

function readWebhooks(app: HttpServer, { store }: BackendDeps): void {
  const listSchema = { tags, summary: "All webhooks, oldest first", response: { 200: WebhookListAnswer, ...REFUSALS } };
  app.get("/webhooks", { schema: listSchema }, async () => ok((await store.webhooks.list()).map(webhookJson)));

  const schema = { tags, summary: "One webhook", params: IdParams, response: { 200: WebhookAnswer, ...REFUSALS } };
  app.get("/webhooks/:id", { schema }, async ({ params: { id } }) => {
    const webhook = await store.webhooks.read(id);
    if (webhook === null) throw notFound("Webhook", id);
    return ok(webhookJson(webhook));
  });
}

function changeWebhook(app: HttpServer, { store, clock, webhookTransport }: BackendDeps): void {
  const schema = {
    tags,
    summary: "Change a webhook, or turn it off and on; its secret stays",
    params: IdParams,
    body: WebhookChangeBody,
    response: { 200: WebhookAnswer, ...REFUSALS },
  };
  app.patch("/webhooks/:id", { schema }, async ({ params: { id }, body: { url, ...fields } }) => {
    const address = url === undefined ? {} : { url: urlIn(url, webhookTransport) };
    const webhook = await store.webhooks.change(id, { ...fields, ...address }, clock.now());
    if (webhook === null) throw notFound("Webhook", id);
    return ok(webhookJson(webhook));
  });
}

function removeWebhook(app: HttpServer, { store }: BackendDeps): void {
  const schema = {
    tags,
    summary: "Remove a webhook with its deliveries",
    params: IdParams,
    response: { 200: success(Removed), ...REFUSALS },
  };
  app.delete("/webhooks/:id", { schema }, async ({ params: { id } }) => {
    if (!(await store.webhooks.remove(id))) throw notFound("Webhook", id);
    return ok(removed(id));
  });
}

function testWebhook(app: HttpServer, { store, clock, newId }: BackendDeps): void {
  const schema = {
    tags,
    summary: "Send a webhook.test at once; what came of it stands among the deliveries",
    params: IdParams,
    response: { 202: DeliveryDueAnswer, ...REFUSALS },
  };
  app.post("/webhooks/:id/test", { schema }, async ({ params: { id } }, reply) => {
    const delivery = dueOf(await store.webhooks.test(id, newId(), clock.now()), "Webhook", id);
    reply.code(202);
    return ok(deliveryJson(delivery));
  });
}

function listDeliveries(app: HttpServer, { store }: BackendDeps): void {
  const schema = {
    tags,
    summary: "What was and is to be delivered, newest first, with every try",
    params: IdParams,
    querystring: PageQuery,
    response: { 200: DeliveryListAnswer, ...REFUSALS },
  };
  app.get("/webhooks/:id/deliveries", { schema }, async ({ params: { id }, query }) => {
    if ((await store.webhooks.read(id)) === null) throw notFound("Webhook", id);
    const request = pageRequest(query);
    const { items, total } = await store.webhooks.deliveries(id, request);
    return { ...ok(items.map(deliveryJson)), pagination: pagination(request, total) };
  });
}

function retryDelivery(app: HttpServer, { store, clock }: BackendDeps): void {
  const schema = {
    tags,
    summary: "Try a delivery again at once, whatever came of it before",
    params: DeliveryParams,
    response: { 202: DeliveryDueAnswer, ...REFUSALS },
  };
  app.post("/webhooks/:id/deliveries/:delivery_id/retry", { schema }, async ({ params: { id, delivery_id } }, reply) => {
    const delivery = dueOf(await store.webhooks.retry(id, delivery_id, clock.now()), "Delivery", delivery_id);
    reply.code(202);
    return ok(deliveryJson(delivery));
  });
}

function dueOf(made: MadeDue, noun: "Webhook" | "Delivery", id: string): Delivery {
  switch (made.kind) {
    case "due":
      return made.delivery;
    case "not_found":
      throw notFound(noun, id);
    case "off":
      throw conflict("WEBHOOK_OFF", "The webhook is turned off", 'Turn it on first: PATCH it with {"enabled": true}');
    default:
      return unreachable(made);
  }
}

/** The address as it is kept; what a name means is looked at with every delivery. */
function urlIn(input: string, transport: BackendDeps["webhookTransport"]): string {
  const read = readWebhookUrl(input);
  if (!read.ok) throw invalidInput([read.problem]);
  const refusal = transport.refusalOf(read.url);
  if (refusal !== null)
    throw invalidInput([{ field: "url", rule: "private_address", message: `\`url\` is refused: ${refusal}` }]);
  return read.url;
}
