/** Owns GET /health: whether the backend can do its work, and what it depends on. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { HealthAnswer } from "@mini-crm/wire/health";
import type { BackendDeps } from "../deps.ts";
import { livingWorkers } from "../living-workers.ts";
import { iso } from "../present/time.ts";

/** An engine that does not answer within this time counts as out of reach. */
const PING_TIMEOUT_MS = 2000;

/** Answers 503 only where nothing can be done: without workers, everything but sending still works. */
export function healthRoutes(app: HttpServer, deps: BackendDeps): void {
  const { store, bus, clock, engines } = deps;
  const schema = {
    tags: ["system"],
    summary: "Whether the service and what it depends on are there",
    response: { 200: HealthAnswer, 503: HealthAnswer },
  };
  app.get("/health", { schema, config: { public: true } }, async (_request, reply) => {
    const [database, kafka, expanding] = await Promise.all([
      inTime(
        clock,
        store.ping().then(() => true),
      ),
      inTime(
        clock,
        bus.ping().then(() => true),
      ),
      inTime(clock, isExpanding(deps)),
    ]);
    reply.code(database && kafka ? 200 : 503);
    return {
      status: database && kafka && expanding ? ("ok" as const) : ("degraded" as const),
      timestamp: iso(clock.now()),
      services: {
        database: connection(database),
        kafka: connection(kafka),
        jobExpander: expanding ? ("running" as const) : ("stopped" as const),
      },
      engines,
    };
  });
}

async function isExpanding(deps: BackendDeps): Promise<boolean> {
  const workers = await livingWorkers(deps);
  return workers.some(({ stages }) => stages["jobExpander"] === "running");
}

/** What `check` says; false where it fails or takes too long. */
async function inTime(clock: Clock, check: Promise<boolean>): Promise<boolean> {
  const answered = new AbortController();
  const tooLate = clock.sleep(PING_TIMEOUT_MS, answered.signal).then(() => false);
  try {
    return await Promise.race([check, tooLate]);
  } catch {
    return false;
  } finally {
    answered.abort();
  }
}

function connection(up: boolean): "connected" | "disconnected" {
  return up ? "connected" : "disconnected";
}
