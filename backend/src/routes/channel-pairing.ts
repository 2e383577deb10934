/** Owns how a channel is linked to a phone and unlinked: both are ordered here and carried out by the workers. */
import { abilitiesOf, type Channel, type ChannelOrder } from "@mini-crm/core/channel/channel";
import { channelAmong } from "@mini-crm/core/channel/channel-sign";
import { parsePhone } from "@mini-crm/core/lead/phone";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { invalidInput, Refusal } from "@mini-crm/runtime/http/refusal";
import { ChannelAnswer, PairBody } from "@mini-crm/wire/channel";
import { IdParams } from "@mini-crm/wire/text";
import QRCode from "qrcode";
import { changeChannel } from "../change-channel.ts";
import { type Asked, channelView } from "../channel-view.ts";
import type { BackendDeps } from "../deps.ts";
import { livingWorkers } from "../living-workers.ts";
import { ok } from "../present/envelope.ts";
import { channelWith, conflict } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

const tags = ["channels"];

export function channelPairingRoutes(app: HttpServer, deps: BackendDeps): void {
  pair(app, deps);
  logOut(app, deps);
  showQr(app, deps);
}

function pair(app: HttpServer, deps: BackendDeps): void {
  const schema = {
    tags,
    summary: "Link a channel to a phone anew; what there is to scan or to type soon stands in its connection, and in the events",
    params: IdParams,
    body: PairBody,
    response: { 202: ChannelAnswer, ...REFUSALS },
  };
  app.post("/channels/:id/pair", { schema }, async (request, reply) => {
    const { method, phone } = request.body;
    const order = { order: "pair" as const, method, phone: phoneIn(method, phone), at: deps.clock.now() };
    reply.code(202);
    return ok(await ordered(deps, request, request.params.id, order));
  });
}

function logOut(app: HttpServer, deps: BackendDeps): void {
  const schema = {
    tags,
    summary: "Unlink a channel from its phone, and forget the session",
    params: IdParams,
    response: { 202: ChannelAnswer, ...REFUSALS },
  };
  app.post("/channels/:id/logout", { schema }, async (request, reply) => {
    reply.code(202);
    return ok(await ordered(deps, request, request.params.id, { order: "log_out", at: deps.clock.now() }));
  });
}

async function ordered(deps: BackendDeps, asked: Asked, id: string, order: ChannelOrder) {
  const { channel } = await changeChannel(deps, id, (known) => {
    refuseUnlessPaired(known);
    return { fields: { order }, made: null };
  });
  return (await channelView(deps, asked))(channel);
}

function refuseUnlessPaired({ settings: { kind } }: Channel): void {
  if (abilitiesOf(kind).pairs) return;
  const details = `It is of the kind ${kind}: only channels of the kind web are linked to a phone`;
  throw conflict("CHANNEL_DOES_NOT_PAIR", "The channel is not linked to a phone", details);
}

/** In E.164; null for a QR code, which needs no number. */
function phoneIn(method: "qr" | "code", phone: string | undefined): string | null {
  const refused = (rule: string, message: string) => invalidInput([{ field: "phone", rule, message }]);
  if (method === "qr") {
    if (phone !== undefined) throw refused("method", "`phone` is for the method code: leave it out to scan a QR code.");
    return null;
  }
  if (phone === undefined) throw refused("required", "`phone` is required for the method code: give the phone's number.");
  const read = parsePhone(phone);
  if (!read.ok) throw refused("phone", `\`phone\`: ${read.reason}`);
  return read.phone;
}

const QR_ANSWER = { description: "The QR code", content: { "image/svg+xml": { schema: { type: "string" } } } };

function showQr(app: HttpServer, deps: BackendDeps): void {
  const { store, clock } = deps;
  const schema = {
    tags,
    summary: "The QR code to scan with the phone, as a picture",
    params: IdParams,
    response: { 200: QR_ANSWER, ...REFUSALS },
  };
  app.get("/channels/:id/qr", { schema }, async ({ params: { id } }, reply) => {
    const channel = await channelWith(store, id);
    const signs = (await livingWorkers(deps)).flatMap(({ channels }) => channels);
    const sign = channelAmong(signs, id);
    const pairing = sign?.pairing ?? null;
    if (pairing?.method !== "qr" || pairing.expiresAt <= clock.now()) throw nothingToScan(channel, sign?.state ?? null);
    reply.type("image/svg+xml").header("cache-control", "no-store");
    return QRCode.toString(pairing.value, { type: "svg", margin: 2 });
  });
}

function nothingToScan({ _id, settings: { kind } }: Channel, state: string | null): Refusal {
  const details = !abilitiesOf(kind).pairs
    ? `Channel ${_id} is of the kind ${kind}, which is not linked to a phone`
    : state === null
      ? "No workers process serves it: start the workers"
      : `It is ${state}: order a new code with POST /api/v1/channels/${_id}/pair and {"method": "qr"}, and ask again in a moment`;
  return new Refusal({ status: 404, code: "NOTHING_TO_SCAN", message: "There is nothing to scan at the moment", details });
}
