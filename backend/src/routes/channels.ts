/** Owns the routes under /api/v1/channels that write, read and remove channels. */
import { unreachable } from "@mini-crm/core/app-error";
import { type Channel, DEFAULT_CHANNEL_ID, MAX_CHANNELS } from "@mini-crm/core/channel/channel";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import type { Refusal } from "@mini-crm/runtime/http/refusal";
import { ChannelAnswer, ChannelBody, ChannelChangeBody, ChannelCreatedAnswer, ChannelListAnswer } from "@mini-crm/wire/channel";
import { Removed, success } from "@mini-crm/wire/envelope";
import { IdParams } from "@mini-crm/wire/text";
import { changeChannel } from "../change-channel.ts";
import { type Asked, channelView, webhookUrl } from "../channel-view.ts";
import type { BackendDeps } from "../deps.ts";
import { ok, removed } from "../present/envelope.ts";
import { channelWith, conflict, notFound } from "../refusals.ts";
import { type ChannelContent, channelContent } from "./channel-content.ts";
import { REFUSALS } from "./schemas.ts";

const tags = ["channels"];

export function channelRoutes(app: HttpServer, deps: BackendDeps): void {
  createChannel(app, deps);
  readChannels(app, deps);
  changeOne(app, deps);
  removeChannel(app, deps);
}

function createChannel(app: HttpServer, deps: BackendDeps): void {
  const schema = {
    tags,
    summary: "Make a channel; for the Cloud API, the answer shows once what must be entered at Meta",
    body: ChannelBody,
    response: { 201: ChannelCreatedAnswer, ...REFUSALS },
  };
  app.post("/channels", { schema }, async (request, reply) => {
    const { body } = request;
    for (const id of idsFor(body)) {
      const content = channelContent(body, { id, known: null, vault: deps.vault });
      await refuseTwice(deps, id, content);
      const channel = newChannel(id, content, deps.clock.now());
      const outcome = await deps.store.channels.create(channel);
      if (outcome === "created") {
        reply.code(201);
        return ok(await withMeta(deps, request, channel, content));
      }
      if (outcome === "full") {
        throw conflict("TOO_MANY_CHANNELS", "There are too many channels", `There may be ${MAX_CHANNELS}: remove one first`);
      }
    }
    throw conflict(
      "CHANNEL_EXISTS",
      "There is such a channel already",
      `It is called ${[...idsFor(body)][0]}: choose another \`_id\``,
    );
  });
}

/** The given identifier, or those that the name suggests, until one is free. */
function idsFor({ _id, name }: Pick<ChannelBody, "_id" | "name">): string[] {
  if (_id !== undefined) return [_id];
  const letters = name.normalize("NFKD").toLowerCase().replaceAll(/\p{M}/gu, "");
  const slug =
    letters
      .replaceAll(/[^a-z0-9]+/g, "-")
      .slice(0, 40)
      .replaceAll(/^-+|-+$/g, "") || "channel";
  return Array.from({ length: MAX_CHANNELS + 1 }, (_, taken) => (taken === 0 ? slug : `${slug}-${taken + 1}`));
}

function newChannel(_id: string, { fields }: ChannelContent, now: number): Channel {
  return { _id, ...fields, order: null, paired_at: null, created_at: now, updated_at: now };
}

/** Two channels of one number would each keep to its limit, and so together to none. */
async function refuseTwice({ store }: BackendDeps, id: string, { fields: { settings } }: ChannelContent): Promise<void> {
  if (settings.kind !== "cloud") return;
  const { phone_number_id } = settings.cloud;
  for (const other of await store.channels.list()) {
    if (other._id === id || other.settings.kind !== "cloud" || other.settings.cloud.phone_number_id !== phone_number_id) continue;
    const details = `\`cloud.phone_number_id\` is that of the channel ${other._id}: campaigns name that one`;
    throw conflict("NUMBER_HAS_CHANNEL", "This number has a channel already", details);
  }
}

/** The channel as it is shown, and once what must be entered at Meta. */
async function withMeta(deps: BackendDeps, asked: Asked, channel: Channel, { verifyToken }: ChannelContent) {
  const shown = await (await channelView(deps, asked))(channel);
  if (verifyToken === null) return shown;
  return { ...shown, meta: { callback_url: webhookUrl(deps, asked, channel._id), verify_token: verifyToken } };
}

function readChannels(app: HttpServer, deps: BackendDeps): void {
  const { store } = deps;
  const listSchema = {
    tags,
    summary: "All channels, the default one first, each with the truth about its connection",
    response: { 200: ChannelListAnswer, ...REFUSALS },
  };
  app.get("/channels", { schema: listSchema }, async (request) => {
    const view = await channelView(deps, request);
    const data = [];
    for (const channel of await store.channels.list()) data.push(await view(channel));
    return ok(data);
  });

  const schema = { tags, summary: "One channel", params: IdParams, response: { 200: ChannelAnswer, ...REFUSALS } };
  app.get("/channels/:id", { schema }, async (request) => {
    const channel = await channelWith(store, request.params.id);
    return ok(await (await channelView(deps, request))(channel));
  });
}

function changeOne(app: HttpServer, deps: BackendDeps): void {
  const schema = {
    tags,
    summary: "Change the given fields of a channel; secrets that are not given stay",
    params: IdParams,
    body: ChannelChangeBody,
    response: { 200: ChannelCreatedAnswer, ...REFUSALS },
  };
  app.patch("/channels/:id", { schema }, async (request) => {
    const { params, body } = request;
    const { channel, made } = await changeChannel(deps, params.id, async (known) => {
      const content = channelContent(body, { id: known._id, known, vault: deps.vault });
      await refuseTwice(deps, known._id, content);
      // What was paired and ordered belongs to the connection that it had.
      const isSameKind = known.settings.kind === content.fields.settings.kind;
      return { fields: isSameKind ? content.fields : { ...content.fields, order: null, paired_at: null }, made: content };
    });
    return ok(await withMeta(deps, request, channel, made));
  });
}

function removeChannel(app: HttpServer, { store }: BackendDeps): void {
  const schema = {
    tags,
    summary: "Remove a channel with its session, its recipients and its templates; not the default one",
    params: IdParams,
    response: { 200: success(Removed), ...REFUSALS },
  };
  app.delete("/channels/:id", { schema }, async ({ params: { id } }) => {
    if (id === DEFAULT_CHANNEL_ID) {
      const details = "Campaigns that name no channel go over it: change its kind and its settings instead";
      throw conflict("CHANNEL_IS_DEFAULT", "The default channel is always there", details);
    }
    const removal = await store.channels.remove(id);
    switch (removal.kind) {
      case "removed":
        return ok(removed(id));
      case "not_found":
        throw notFound("Channel", id);
      case "in_use":
        throw inUse(removal.campaigns);
      default:
        return unreachable(removal);
    }
  });
}

function inUse(campaigns: readonly string[]): Refusal {
  return conflict(
    "CHANNEL_IN_USE",
    "Campaigns that are not finished go over the channel",
    `Give them another channel, cancel or remove them first: ${campaigns.join(", ")}`,
  );
}
