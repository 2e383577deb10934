/** Owns GET /api/v1/messages/:id. */
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { MessageAnswer } from "@mini-crm/wire/message";
import { IdParams } from "@mini-crm/wire/text";
import type { BackendDeps } from "../deps.ts";
import { ok } from "../present/envelope.ts";
import { messageEventJson, messageJson } from "../present/message.ts";
import { notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

export function messageRoutes(app: HttpServer, { store }: BackendDeps): void {
  const schema = {
    tags: ["delivery"],
    summary: "One message, with its text and all that happened to it",
    params: IdParams,
    response: { 200: MessageAnswer, ...REFUSALS },
  };
  app.get("/messages/:id", { schema }, async ({ params: { id } }) => {
    const message = await store.messages.read(id);
    const campaign = message === null ? null : await store.campaigns.read(message.campaign_id);
    if (message === null || campaign === null) throw notFound("Message", id);
    const history = await store.messages.history(id);
    return ok({ ...messageJson(message, campaign.frozen?.variants ?? []), history: history.map(messageEventJson) });
  });
}
