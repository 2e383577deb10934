/** Owns GET and POST /webhooks/whatsapp/:id, which Meta calls: what it tells is on the disk before it is answered. */
import { cloudWebhooks } from "@mini-crm/runtime/cloud";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { Refusal } from "@mini-crm/runtime/http/refusal";
import { IdParams } from "@mini-crm/wire/text";
import { ChallengeAnswer, ChallengeQuery, WhatsAppWebhookAnswer } from "@mini-crm/wire/whatsapp-webhook";
import { cloudChannels } from "../cloud-channels.ts";
import type { BackendDeps } from "../deps.ts";
import { ok } from "../present/envelope.ts";
import { notFound } from "../refusals.ts";
import { deliverNews } from "../webhook-news.ts";
import { READ_BY_DOMAIN, REFUSALS } from "./schemas.ts";

const tags = ["channels"];
/** What Meta sends at most. */
const BODY_LIMIT_BYTES = 3 * 1024 * 1024;

type FindChannel = ReturnType<typeof cloudChannels>;

/** Call it on an instance of its own: bodies come in as the bytes that were signed. */
export function whatsAppWebhookRoutes(app: HttpServer, deps: BackendDeps): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  const find = cloudChannels(deps);
  verifyAddress(app, find);
  takeNews(app, deps, find);
}

function verifyAddress(app: HttpServer, find: FindChannel): void {
  const schema = {
    tags,
    summary: "Meta verifies that this address is the channel's: answered with the challenge where it says the verify token",
    params: IdParams,
    querystring: ChallengeQuery,
    response: { 200: ChallengeAnswer, ...REFUSALS },
    security: [],
  };
  app.get("/webhooks/whatsapp/:id", { schema, config: { public: true } }, async ({ params: { id }, query }, reply) => {
    const found = await find(id);
    if (found === null) throw notFound("Channel", id);
    const { verifyChallenge } = await cloudWebhooks();
    const challenge = verifyChallenge(query, found.channel.secrets.verify_token);
    if (challenge === null) {
      throw new Refusal({
        status: 403,
        code: "WEBHOOK_NOT_VERIFIED",
        message: "This is not how Meta verifies the channel's webhook.",
        details: "At Meta, enter the verify token that was shown when the channel was made, or give the channel another one.",
      });
    }
    reply.type("text/plain; charset=utf-8");
    return challenge;
  });
}

function takeNews(app: HttpServer, deps: BackendDeps, find: FindChannel): void {
  const { webhookInbox, clock } = deps;
  const onError = (error: unknown) => deps.log.warn({ err: error }, "What WhatsApp told waits until it can be worked through");
  const drain = webhookInbox.drain(deliverNews(deps), onError);
  app.addHook("onClose", () => drain.close());

  const schema = {
    tags,
    summary: "Meta tells receipts and texts, signed with the app secret; answered when they are safe",
    params: IdParams,
    response: { 200: WhatsAppWebhookAnswer, ...REFUSALS },
    security: [],
  };
  const options = { schema, bodyLimit: BODY_LIMIT_BYTES, config: { public: true }, ...READ_BY_DOMAIN };
  app.post("/webhooks/whatsapp/:id", options, async ({ params: { id }, headers, body, log }) => {
    const found = await find(id);
    if (found === null) throw notFound("Channel", id);
    const { channel, others } = found;
    const { isSigned, readWebhook } = await cloudWebhooks();
    const raw = body instanceof Uint8Array ? body : new Uint8Array();
    const signature = headers["x-hub-signature-256"];
    if (!isSigned(raw, typeof signature === "string" ? signature : null, channel.secrets.app_secret)) throw notSigned();
    const taken = { receipts: 0, texts: 0, templates: 0 };
    // Of an app with several numbers Meta may tell all of them at one address.
    for (const { id: channel_id, settings } of [channel, ...others]) {
      const news = readWebhook(raw, settings, clock.now());
      if (news.kind === "malformed") throw malformed(news.reason);
      const { receipts, texts, templates, account } = news;
      for (const { reason } of account) log.warn({ channel: channel_id }, reason);
      taken.receipts += receipts.length;
      taken.texts += texts.length;
      taken.templates += templates.length;
      const isNews = receipts.length > 0 || texts.length > 0 || templates.length > 0;
      if (isNews) await webhookInbox.add({ version: 1, channel_id, receipts, texts, templates });
    }
    return ok(taken);
  });
}

function notSigned(): Refusal {
  return new Refusal({
    status: 401,
    code: "WEBHOOK_NOT_SIGNED",
    message: "The body is not signed with the channel's app secret.",
    details: "X-Hub-Signature-256 must be the HMAC-SHA256 of just these bytes: check the channel's `app_secret`.",
  });
}

function malformed(reason: string): Refusal {
  return new Refusal({
    status: 400,
    code: "WEBHOOK_MALFORMED",
    message: "This is no webhook of the Cloud API.",
    details: reason,
  });
}
