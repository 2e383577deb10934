/** Owns POST /api/v1/leads/:id/messages: a person's answer to a lead, just as it was written. */
import { abilitiesOf, type Channel } from "@mini-crm/core/channel/channel";
import { freeTextTo } from "@mini-crm/core/channel/window";
import type { Instant } from "@mini-crm/core/instant";
import type { Lead } from "@mini-crm/core/lead/lead";
import { type Content, plainText } from "@mini-crm/core/message/content";
import type { DirectMessage } from "@mini-crm/core/message/direct-message";
import { mediaProblems } from "@mini-crm/core/message/read-media";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { invalidInput, type Refusal } from "@mini-crm/runtime/http/refusal";
import { ReplyAnswer, ReplyBody } from "@mini-crm/wire/direct-message";
import { IdParams } from "@mini-crm/wire/text";
import type { Static } from "typebox";
import type { BackendDeps } from "../deps.ts";
import { replyJson } from "../present/direct-message.ts";
import { ok } from "../present/envelope.ts";
import { iso } from "../present/time.ts";
import { channelWith, conflict, notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

/** What WhatsApp takes under an image or a document. */
const CAPTION_CHARS = 1_024;

export function leadReplyRoutes(app: HttpServer, deps: BackendDeps): void {
  const { store, bus, clock, newId } = deps;
  const schema = {
    tags: ["leads"],
    summary: "Answer a lead; over the Cloud API only within 24 hours after its last message",
    params: IdParams,
    body: ReplyBody,
    response: { 202: ReplyAnswer, ...REFUSALS },
  };
  app.post("/leads/:id/messages", { schema }, async ({ params: { id }, body }, reply) => {
    const content = contentIn(body);
    const lead = await store.leads.read(id);
    if (lead === null) throw notFound("Lead", id);
    const channel = body.channel_id === undefined ? await usualChannel(deps, lead) : await channelWith(store, body.channel_id);
    const now = clock.now();
    const phone = await phoneFor(deps, lead, channel, now);
    const message: DirectMessage = {
      _id: newId(),
      campaign_id: null,
      channel_id: channel._id,
      lead_id: lead._id,
      phone,
      variant: null,
      content,
      created_at: now,
      ...UNSENT,
    };
    await bus.commit([{ step: "write", input: { messages: [message] } }]);
    reply.code(202);
    return ok(replyJson(message));
  });
}

const UNSENT = {
  status: "PENDING",
  code: null,
  reason: null,
  provider_id: null,
  sending_at: null,
  sent_at: null,
  delivered_at: null,
  read_at: null,
} as const;

function contentIn({ text, media }: Static<typeof ReplyBody>): Content {
  if (!media) return plainText(text);
  const given = { filename: null, ...media };
  const problems = mediaProblems(given);
  if (text.length > CAPTION_CHARS) {
    const message = `\`text\` must have at most ${CAPTION_CHARS} characters where it stands under media.`;
    problems.push({ field: "text", rule: "max_length", message });
  }
  if (problems.length > 0) throw invalidInput(problems);
  return { ...plainText(text), media: given };
}

/** The channel that the lead last wrote to, while it is there; else the default one. */
async function usualChannel({ store, defaultChannelId }: BackendDeps, { _id }: Lead): Promise<Channel> {
  const [last] = await store.inbound.ofLead(_id, 1);
  const wroteTo = last === undefined ? null : await store.channels.read(last.channel_id);
  return wroteTo ?? channelWith(store, defaultChannelId);
}

/** The number of the lead that last wrote to the channel, else its first one; refuses where it may not be answered now. */
async function phoneFor({ store }: BackendDeps, lead: Lead, { _id, settings }: Channel, now: Instant): Promise<string> {
  const [first] = lead.phones;
  if (first === undefined) {
    throw conflict("LEAD_WITHOUT_PHONE", "The lead has no phone number", `Add one to \`phones\` of lead ${lead._id} first`);
  }
  const texts = Object.entries(await store.contacts.lastTexts(_id, lead.phones));
  const [phone, at] = texts.reduce<[string, Instant | null]>(
    (latest, [number, moment]) => (moment > (latest[1] ?? Number.NEGATIVE_INFINITY) ? [number, moment] : latest),
    [first, null],
  );
  const free = freeTextTo(settings.kind, at, now);
  if (free.kind === "closed") throw windowClosed(_id, free.since, abilitiesOf(settings.kind).templates);
  return phone;
}

function windowClosed(channelId: string, since: Instant | null, hasTemplates: boolean): Refusal {
  const why =
    since === null
      ? `They have never written to the channel ${channelId}`
      : `Closed since ${iso(since)}, 24 hours after their last message`;
  const next = hasTemplates ? "only an approved template may be sent, by a campaign with a `template`" : "wait until they write";
  return conflict("WINDOW_CLOSED", "The lead may not be answered freely now", `${why}: ${next}`);
}
