/** Owns GET /api/v1/leads/:id/timeline: all that went to a lead and came from it, as one conversation. */
import { abilitiesOf } from "@mini-crm/core/channel/channel";
import { freeTextTo } from "@mini-crm/core/channel/window";
import type { Lead } from "@mini-crm/core/lead/lead";
import type { DirectMessage } from "@mini-crm/core/message/direct-message";
import type { InboundMessage } from "@mini-crm/core/message/inbound";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { IdParams } from "@mini-crm/wire/text";
import { TimelineAnswer, type TimelineEntry, TimelineQuery } from "@mini-crm/wire/timeline";
import type { BackendDeps } from "../deps.ts";
import { ok } from "../present/envelope.ts";
import { iso, isoOrNull } from "../present/time.ts";
import { notFound } from "../refusals.ts";
import { messagesTo, type SentMessage } from "../sent-messages.ts";
import { REFUSALS } from "./schemas.ts";

const DEFAULT_ENTRIES = 50;

export function leadTimelineRoutes(app: HttpServer, deps: BackendDeps): void {
  const { store } = deps;
  const schema = {
    tags: ["leads"],
    summary: "All that went to a lead and came from it, newest first, and where it may be answered freely",
    params: IdParams,
    querystring: TimelineQuery,
    response: { 200: TimelineAnswer, ...REFUSALS },
  };
  app.get("/leads/:id/timeline", { schema }, async ({ params: { id }, query }) => {
    const lead = await store.leads.read(id);
    if (lead === null) throw notFound("Lead", id);
    const limit = query.limit ?? DEFAULT_ENTRIES;
    const [sent, replies, inbound, windows] = await Promise.all([
      messagesTo(store, id, limit),
      store.direct.ofLead(id, limit),
      store.inbound.ofLead(id, limit),
      windowsOf(deps, lead),
    ]);
    const entries = [...sent.map(ofCampaign), ...replies.map(ofReply), ...inbound.map(ofText)];
    // Times are ISO 8601 in UTC, so that they sort as texts do.
    entries.sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
    return ok({ entries: entries.slice(0, limit), windows });
  });
}

function ofCampaign({ message, campaign }: SentMessage): TimelineEntry {
  const { _id, status, phone, text, code, reason, campaign_id, created_at, sending_at, sent_at } = message;
  return {
    kind: "campaign",
    _id,
    channel_id: campaign.channel_id,
    phone,
    at: iso(sent_at ?? sending_at ?? created_at),
    text,
    media: text === null ? null : (campaign.frozen.content?.media ?? null),
    status,
    code,
    reason,
    campaign_id,
    wish: null,
    ...timesOf(message),
  };
}

function ofReply(message: DirectMessage): TimelineEntry {
  const { _id, channel_id, phone, content, status, code, reason, created_at, sending_at, sent_at } = message;
  return {
    kind: "reply",
    _id,
    channel_id,
    phone,
    at: iso(sent_at ?? sending_at ?? created_at),
    text: content.text,
    media: content.media,
    status,
    code,
    reason,
    campaign_id: null,
    wish: null,
    ...timesOf(message),
  };
}

function timesOf(message: Pick<DirectMessage, "created_at" | "sent_at" | "delivered_at" | "read_at">) {
  return {
    created_at: iso(message.created_at),
    sent_at: isoOrNull(message.sent_at),
    delivered_at: isoOrNull(message.delivered_at),
    read_at: isoOrNull(message.read_at),
  };
}

function ofText({ _id, channel_id, phone, text, wish, campaign_id, at, received_at }: InboundMessage): TimelineEntry {
  return {
    kind: "inbound",
    _id,
    channel_id,
    phone,
    at: iso(at),
    text,
    media: null,
    status: "RECEIVED",
    code: null,
    reason: null,
    campaign_id,
    wish,
    created_at: iso(received_at),
    sent_at: null,
    delivered_at: null,
    read_at: null,
  };
}

/** Where the lead may be sent free text: one entry for each channel that has a window. */
async function windowsOf({ store, clock }: BackendDeps, { phones }: Lead) {
  const channels = (await store.channels.list()).filter(({ settings }) => abilitiesOf(settings.kind).has_window);
  return Promise.all(
    channels.map(async ({ _id, settings }) => {
      const texts = Object.values(await store.contacts.lastTexts(_id, phones));
      const last = texts.length === 0 ? null : Math.max(...texts);
      const free = freeTextTo(settings.kind, last, clock.now());
      return { channel_id: _id, open_until: free.kind === "open" ? isoOrNull(free.until) : null };
    }),
  );
}
