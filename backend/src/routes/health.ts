/** Owns GET /health: whether the backend can do its work, and what it depends on. */
import type { Clock } from "@mini-crm/core/ports/clock";
import type { Store } from "@mini-crm/core/ports/store";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { HealthAnswer } from "@mini-crm/wire/health";
import type { BackendDeps } from "../deps.ts";
import { iso } from "../present/time.ts";

/** An engine that does not answer within this time counts as out of reach. */
const PING_TIMEOUT_MS = 2000;
/** A worker process without a sign of life for so long counts as gone. */
const SIGN_OF_LIFE_MS = 10_000;

/** Answers 503 only where nothing can be done: without workers, everything but sending still works. */
export function healthRoutes(app: HttpServer, { store, bus, clock, engines }: BackendDeps): void {
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
      inTime(clock, isExpanding(store, clock)),
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

async function isExpanding(store: Store, clock: Clock): Promise<boolean> {
  const signs = await store.processes.seenSince(clock.now() - SIGN_OF_LIFE_MS);
  return signs.some(({ role, detail }) => role === "workers" && detail["jobExpander"] === "running");
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
