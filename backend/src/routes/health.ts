/** Owns GET /health: whether the backend can do its work, and what it depends on. */
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { inTime, reaches } from "@mini-crm/runtime/http/in-time";
import { HealthAnswer } from "@mini-crm/wire/health";
import type { BackendDeps } from "../deps.ts";
import { livingWorkers } from "../living-workers.ts";
import { iso } from "../present/time.ts";

/** Answers 503 only where nothing can be done: without workers, everything but sending still works. */
export function healthRoutes(app: HttpServer, deps: BackendDeps): void {
  const { store, bus, clock, webhookInbox, engines } = deps;
  const schema = {
    tags: ["system"],
    summary: "Whether the service and what it depends on are there",
    response: { 200: HealthAnswer, 503: HealthAnswer },
  };
  app.get("/health", { schema, config: { public: true } }, async (_request, reply) => {
    const [database, kafka, expanding, waiting] = await Promise.all([
      reaches(clock, () => store.ping()),
      reaches(clock, () => bus.ping()),
      inTime(clock, isExpanding(deps), false),
      inTime<number | null>(clock, webhookInbox.waiting(), null),
    ]);
    reply.code(database && kafka ? 200 : 503);
    return {
      status: database && kafka && expanding && waiting !== null ? ("ok" as const) : ("degraded" as const),
      timestamp: iso(clock.now()),
      services: {
        database: connection(database),
        kafka: connection(kafka),
        jobExpander: expanding ? ("running" as const) : ("stopped" as const),
      },
      webhooks: { waiting },
      engines,
    };
  });
}

async function isExpanding(deps: BackendDeps): Promise<boolean> {
  const workers = await livingWorkers(deps);
  return workers.some(({ stages }) => stages["jobExpander"] === "running");
}

function connection(up: boolean): "connected" | "disconnected" {
  return up ? "connected" : "disconnected";
}
