/** Owns the switches of the simulated WhatsApp: how it behaves, and what has really left. */
import type { Instant } from "@mini-crm/core/instant";
import { parsePhone } from "@mini-crm/core/lead/phone";
import type { SentText, SimulatorBehaviour, SimulatorControls } from "@mini-crm/runtime/engines";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { invalidInput, Refusal } from "@mini-crm/runtime/http/refusal";
import { Type } from "typebox";

const Share = Type.Number({ minimum: 0, maximum: 1 });
const Milliseconds = Type.Integer({ minimum: 0, maximum: 86_400_000 });
const Span = Type.Object({ fromMs: Milliseconds, toMs: Milliseconds }, { additionalProperties: false });
const NumberOrBeginning = Type.String({
  pattern: "^\\+[0-9]{1,15}\\*?$",
  errorMessage: { pattern: "must be a number such as +4915112345678, or the beginning of some such as +49151*" },
});
const Numbers = Type.Array(NumberOrBeginning, { maxItems: 10_000 });

const Behaviour = Type.Partial(
  Type.Object({
    latency: Span,
    sentAfter: Type.Union([Span, Type.Null()]),
    deliveredAfter: Span,
    readAfter: Span,
    readShare: Share,
    undeliverableShare: Share,
    stopShare: Share,
    replyShare: Share,
    replyAfter: Span,
    doubledShare: Share,
    lateShare: Share,
    lateBy: Span,
    shuffledShare: Share,
    notOnWhatsApp: Numbers,
    notOnWhatsAppShare: Share,
    busyNumbers: Numbers,
    retryableShare: Share,
    hangShare: Share,
    hangFor: Span,
    cutShare: Share,
    unreachable: Type.Boolean(),
    rateLimited: Type.Union([Type.Object({ retryAfterMs: Milliseconds }, { additionalProperties: false }), Type.Null()]),
    warning: Type.Union([Type.String({ minLength: 1, maxLength: 500 }), Type.Null()]),
  } satisfies Record<keyof SimulatorBehaviour, unknown>),
  { additionalProperties: false, description: "What to change in how the simulated WhatsApp behaves." },
);

const OutboxQuery = Type.Object(
  {
    page: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 50 })),
    message_id: Type.Optional(Type.String({ maxLength: 100 })),
    to: Type.Optional(Type.String({ maxLength: 20 })),
  },
  { additionalProperties: false },
);

const Inbound = Type.Object(
  {
    from: Type.String({ maxLength: 60, description: "The sender's number with its country code" }),
    text: Type.String({ minLength: 1, maxLength: 4_096 }),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: "What the sender calls themself" })),
  },
  { additionalProperties: false, description: "What somebody writes to the simulated WhatsApp." },
);

/** Declares `GET` and `PATCH /simulator`, `GET /simulator/outbox`, and `POST /simulator/inbound`. */
export function simulatorRoutes(app: HttpServer, simulated: () => SimulatorControls | null): void {
  const controls = (): SimulatorControls => {
    const simulator = simulated();
    if (simulator !== null) return simulator;
    const details = "Its default channel is connected to another WhatsApp: see GET /whatsapp";
    throw new Refusal({ status: 404, code: "NOT_SIMULATED", message: "Nothing is simulated here", details });
  };

  app.get("/simulator", async () => ({ success: true, data: controls().behaviour() }));

  app.patch("/simulator", { schema: { body: Behaviour } }, async ({ body }) => {
    const simulator = controls();
    simulator.behave(body);
    return { success: true, data: simulator.behaviour() };
  });

  app.get("/simulator/outbox", { schema: { querystring: OutboxQuery } }, async ({ query }) => {
    const { page = 1, limit = 50, message_id, to } = query;
    const narrowed = { ...(message_id === undefined ? {} : { messageId: message_id }), ...(to === undefined ? {} : { to }) };
    const simulator = controls();
    const { items, total } = simulator.outbox({ page, limit, ...narrowed });
    const pagination = { page, limit, total, totalPages: Math.ceil(total / limit) };
    return {
      success: true,
      data: { messages: items.map(sentJson), pagination, sent_more_than_once: simulator.sentMoreThanOnce() },
    };
  });

  app.post("/simulator/inbound", { schema: { body: Inbound } }, async ({ body }, reply) => {
    const from = parsePhone(body.from);
    if (!from.ok) throw invalidInput([{ field: "from", rule: "phone", message: `\`from\`: ${from.reason}` }]);
    const { providerId, name, text, at } = controls().receive({ ...body, from: from.phone });
    const data = { provider_id: providerId, from: from.phone, name, text, at: iso(at) };
    return reply.code(202).send({ success: true, data });
  });
}

function sentJson({ handed_over_at, at, receipts, ...sent }: SentText) {
  return {
    ...sent,
    handed_over_at: iso(handed_over_at),
    at: iso(at),
    receipts: receipts.map((receipt) => ({ status: receipt.status, at: iso(receipt.at) })),
  };
}

function iso(at: Instant): string {
  return new Date(at).toISOString();
}
