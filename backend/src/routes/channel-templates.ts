/** Owns the approved templates of a Cloud API channel: what is known of them, and asking Meta again. */
import type { Channel, CloudSettings } from "@mini-crm/core/channel/channel";
import { fetchTemplates } from "@mini-crm/runtime/cloud";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { Refusal } from "@mini-crm/runtime/http/refusal";
import { TemplateListAnswer } from "@mini-crm/wire/channel";
import { IdParams } from "@mini-crm/wire/text";
import type { BackendDeps } from "../deps.ts";
import { templateJson } from "../present/channel.ts";
import { ok } from "../present/envelope.ts";
import { channelWith, conflict } from "../refusals.ts";
import { opened } from "./channel-content.ts";
import { REFUSALS } from "./schemas.ts";

const tags = ["channels"];

export function channelTemplateRoutes(app: HttpServer, deps: BackendDeps): void {
  listTemplates(app, deps);
  syncTemplates(app, deps);
}

function listTemplates(app: HttpServer, { store }: BackendDeps): void {
  const schema = {
    tags,
    summary: "The templates of a Cloud API channel, as they were when they were last looked up",
    params: IdParams,
    response: { 200: TemplateListAnswer, ...REFUSALS },
  };
  app.get("/channels/:id/templates", { schema }, async ({ params: { id } }) => {
    cloudSettings(await channelWith(store, id));
    return ok((await store.templates.ofChannel(id)).map(templateJson));
  });
}

function syncTemplates(app: HttpServer, { store, vault, clock }: BackendDeps): void {
  const schema = {
    tags,
    summary: "Look the templates of a Cloud API channel up at Meta, in place of what is known",
    params: IdParams,
    response: { 200: TemplateListAnswer, ...REFUSALS },
  };
  app.post("/channels/:id/templates/sync", { schema }, async ({ params: { id } }) => {
    const channel = await channelWith(store, id);
    const read = await fetchTemplates(channel, cloudSettings(channel), opened(vault, channel), clock);
    if (read.kind === "failed") {
      throw new Refusal({
        status: 502,
        code: "TEMPLATES_NOT_READ",
        message: "Meta did not tell the templates; what was known stays.",
        details: read.reason,
      });
    }
    await store.templates.replace(id, read.templates);
    return ok((await store.templates.ofChannel(id)).map(templateJson));
  });
}

function cloudSettings({ settings }: Channel): CloudSettings {
  if (settings.kind === "cloud") return settings.cloud;
  const details = `It is of the kind ${settings.kind}: only Cloud API channels (kind cloud) have templates`;
  throw conflict("CHANNEL_HAS_NO_TEMPLATES", "The channel knows no templates", details);
}
