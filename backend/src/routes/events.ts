/** Owns GET /api/v1/events: what happens, as server-sent events that go on where a connection broke off. */
import { ACTIVITY_KINDS, type Activity, type ActivityKind } from "@mini-crm/core/activity/activity";
import { quote } from "@mini-crm/core/text";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { invalidInput, Refusal } from "@mini-crm/runtime/http/refusal";
import { EventStream, EventsQuery } from "@mini-crm/wire/activity";
import type { BackendDeps } from "../deps.ts";
import { MOST_WATCHERS, openLive } from "../live.ts";
import { notFound } from "../refusals.ts";
import { REFUSALS } from "./schemas.ts";

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // Proxies such as nginx would gather events before they pass them on.
  "x-accel-buffering": "no",
  // A stream that has ended takes its connection along, so that closing the server waits for none.
  connection: "close",
};

export function eventRoutes(app: HttpServer, { store, clock, log }: BackendDeps): void {
  const live = openLive({ activity: store.activity, clock, log });
  app.addHook("preClose", async () => live.close());

  const schema = {
    tags: ["events"],
    summary: "What happens, as it happens: a stream that can be resumed",
    querystring: EventsQuery,
    response: { 200: EventStream, ...REFUSALS },
  };
  app.get("/events", { schema, exposeHeadRoute: false }, async ({ query, headers }, reply) => {
    const wants = wanted(query);
    const { campaign_id } = query;
    if (campaign_id !== undefined && (await store.campaigns.read(campaign_id)) === null) throw notFound("Campaign", campaign_id);
    const start = await live.startOf(lastSeenIn(headers["last-event-id"]) ?? query.last_event_id ?? null);
    if (!live.hasRoom()) throw tooMany();
    reply.headers(HEADERS).hijack();
    for (const [name, value = ""] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value);
    live.watch(reply.raw, start, wants);
  });
}

/** What the header says; a number that was never given where it says something else. */
function lastSeenIn(header: string | string[] | undefined): number | null {
  if (header === undefined || header === "") return null;
  return typeof header === "string" && /^\d{1,15}$/.test(header) ? Number(header) : -1;
}

function wanted(query: { campaign_id?: string; kinds?: string }): (activity: Activity) => boolean {
  const kinds = query.kinds === undefined ? null : kindsIn(query.kinds);
  const campaign = query.campaign_id ?? null;
  return ({ kind, subject }) => (kinds === null || kinds.has(kind)) && (campaign === null || subject === campaign);
}

function kindsIn(list: string): ReadonlySet<ActivityKind> {
  const kinds = new Set<ActivityKind>();
  for (const name of list.split(",")) {
    const kind = ACTIVITY_KINDS.find((known) => known === name.trim());
    if (kind === undefined) {
      const message = `\`kinds\` must be some of ${ACTIVITY_KINDS.join(", ")}, separated by commas, but holds ${quote(name)}.`;
      throw invalidInput([{ field: "kinds", rule: "enum", message }]);
    }
    kinds.add(kind);
  }
  return kinds;
}

function tooMany(): Refusal {
  return new Refusal({
    status: 503,
    code: "TOO_MANY_WATCHERS",
    message: "Too many are watching at the moment.",
    details: `At most ${MOST_WATCHERS} streams are open at once: close one that is not needed, or try again later.`,
    headers: { "retry-after": "30" },
  });
}
