/** Owns the one log line that every request leaves. */
import type { FastifyInstance } from "fastify";

/**
 * Logs method, route, status and duration under the request's id, which the answer carries as `X-Request-Id`. Neither headers
 * (keys) nor query strings (names, numbers) are written down; health checks only show at debug level.
 */
export function logRequests(app: Pick<FastifyInstance, "addHook">): void {
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
  });
  app.addHook("onResponse", async (request, reply) => {
    const level = request.routeOptions.url === "/health" ? "debug" : "info";
    const path = request.url.split("?", 1)[0] ?? "";
    const line = {
      method: request.method,
      path: path.slice(0, 200),
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime),
    };
    request.log[level](line, "request");
  });
}
