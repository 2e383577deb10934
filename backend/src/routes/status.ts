/** Owns GET /api/v1/status. */
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { StatusAnswer } from "@mini-crm/wire/status";
import type { BackendDeps } from "../deps.ts";
import { iso } from "../present/time.ts";

export function statusRoutes(app: HttpServer, { clock, version, apiKey }: BackendDeps): void {
  const schema = { tags: ["system"], summary: "What this service is and offers", response: { 200: StatusAnswer } };
  app.get("/status", { schema }, async () => ({
    service: "Mini CRM Backend",
    version,
    status: "running" as const,
    timestamp: iso(clock.now()),
    features: {
      leads: "✅",
      segments: "✅",
      campaigns: "✅",
      delivery: "✅",
      auth: apiKey === null ? "🚧 (stub)" : "✅",
    },
  }));
}
