import { AppError } from "@mini-crm/core/app-error";
import { afterEach, describe, expect, test } from "vitest";
import { openBackend, type TestBackend } from "../test-backend.ts";

const open: TestBackend[] = [];
afterEach(async () => {
  for (const backend of open.splice(0)) await backend.close();
});

async function backendWith(changes: Parameters<typeof openBackend>[0] = {}): Promise<TestBackend> {
  const backend = await openBackend(changes);
  open.push(backend);
  return backend;
}

describe("health", () => {
  test("is degraded without a worker, ok with one, and says which engine plays which role", async () => {
    const backend = await backendWith();
    const alone = await backend.call("GET", "/health");
    expect([alone.status, alone.body.status, alone.body.services.jobExpander]).toEqual([200, "degraded", "stopped"]);

    const sign = {
      _id: "w1",
      role: "workers" as const,
      seen_at: backend.clock.now(),
      detail: { stages: { jobExpander: "running" }, channels: [] },
    };
    await backend.store.processes.sign(sign);
    const together = await backend.call("GET", "/health");
    expect([together.status, together.body]).toEqual([
      200,
      {
        status: "ok",
        timestamp: expect.stringMatching(/Z$/),
        services: { database: "connected", kafka: "connected", jobExpander: "running" },
        webhooks: { waiting: 0 },
        engines: { database: "sqlite", eventBus: "embedded" },
      },
    ]);
  });

  test("takes a worker that was last seen more than 10 s ago as gone", async () => {
    const backend = await backendWith();
    const seen_at = backend.clock.now() - 10_500;
    await backend.store.processes.sign({
      _id: "w1",
      role: "workers",
      seen_at,
      detail: { stages: { jobExpander: "running" }, channels: [] },
    });
    expect((await backend.call("GET", "/health")).body.services.jobExpander).toBe("stopped");
  });

  test("is 503 when the database is gone, and every route that needs it says so too", async () => {
    const backend = await backendWith();
    const gone = { retryable: true };
    const { store, bus, clock } = backend;
    const outage = () => Promise.reject(new AppError("STORE_UNAVAILABLE", "gone", gone));
    const cut = await backendWith({
      store: { ...store, ping: outage, segments: { ...store.segments, list: outage } },
      bus,
      clock,
    });
    const health = await cut.call("GET", "/health");
    expect([health.status, health.body.status, health.body.services.database]).toEqual([503, "degraded", "disconnected"]);
    const segments = await cut.call("GET", "/api/v1/segments");
    expect([segments.status, segments.body.error.code, segments.headers["retry-after"]]).toEqual([503, "STORE_UNAVAILABLE", "5"]);
  });

  test("is 503 when the event bus does not answer at all", async () => {
    const backend = await backendWith();
    const deaf = { ...backend.bus, ping: () => new Promise<void>(() => undefined) };
    const impatient = { ...backend.clock, sleep: () => Promise.resolve() };
    const cut = await backendWith({ bus: deaf, clock: impatient });
    const health = await cut.call("GET", "/health");
    expect([health.status, health.body.services.kafka]).toEqual([503, "disconnected"]);
  });
});

test("the status is the walkthrough's to the letter", async () => {
  const backend = await backendWith();
  const { body } = await backend.call("GET", "/api/v1/status");
  expect(body).toEqual({
    service: "Mini CRM Backend",
    version: "1.0.0",
    status: "running",
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    features: { leads: "✅", segments: "✅", campaigns: "✅", delivery: "✅", auth: "🚧 (stub)" },
  });
});

describe("with an API key", () => {
  const apiKey = "a-key-of-enough-characters";

  test("everything needs it but /health, documentation and unknown addresses included", async () => {
    const backend = await backendWith({ apiKey });
    expect((await backend.app.inject("/health")).statusCode).toBe(200);
    expect((await backend.app.inject({ method: "HEAD", url: "/health" })).statusCode).toBe(200);
    for (const url of [
      "/api/v1/status",
      "/api/v1/leads",
      "/docs",
      "/docs/",
      "/docs/json",
      "/docs/yaml",
      "/docs/static/index.html",
      "/none",
    ]) {
      expect([url, (await backend.app.inject(url)).statusCode]).toEqual([url, 401]);
    }
    const status = await backend.app.inject({ url: "/api/v1/status", headers: { authorization: `Bearer ${apiKey}` } });
    expect(status.json().features.auth).toBe("✅");
    expect((await backend.app.inject({ url: "/docs/json", headers: { "x-api-key": apiKey } })).statusCode).toBe(200);
    expect(backend.log.join("")).not.toContain(apiKey);
  });
});

describe("the documentation", () => {
  test("has every route of the API with its schemas", async () => {
    const backend = await backendWith();
    const document = (await backend.app.inject("/docs/json")).json();
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths).sort()).toEqual([
      "/api/v1/campaigns",
      "/api/v1/campaigns/{id}",
      "/api/v1/campaigns/{id}/cancel",
      "/api/v1/campaigns/{id}/ledger",
      "/api/v1/campaigns/{id}/messages.csv",
      "/api/v1/campaigns/{id}/messages.ndjson",
      "/api/v1/campaigns/{id}/pause",
      "/api/v1/campaigns/{id}/preflight",
      "/api/v1/campaigns/{id}/resume",
      "/api/v1/campaigns/{id}/retry",
      "/api/v1/campaigns/{id}/run",
      "/api/v1/campaigns/{id}/schedule",
      "/api/v1/campaigns/{id}/test",
      "/api/v1/campaigns/{id}/tests",
      "/api/v1/campaigns/{id}/unschedule",
      "/api/v1/campaigns/{id}/variants",
      "/api/v1/channels",
      "/api/v1/channels/{id}",
      "/api/v1/channels/{id}/logout",
      "/api/v1/channels/{id}/pair",
      "/api/v1/channels/{id}/qr",
      "/api/v1/channels/{id}/templates",
      "/api/v1/channels/{id}/templates/sync",
      "/api/v1/delivery/campaign/{id}",
      "/api/v1/events",
      "/api/v1/leads",
      "/api/v1/leads/bulk",
      "/api/v1/leads/{id}",
      "/api/v1/leads/{id}/messages",
      "/api/v1/leads/{id}/timeline",
      "/api/v1/messages/{id}",
      "/api/v1/segments",
      "/api/v1/segments/preview",
      "/api/v1/segments/{id}",
      "/api/v1/status",
      "/api/v1/webhooks",
      "/api/v1/webhooks/{id}",
      "/api/v1/webhooks/{id}/deliveries",
      "/api/v1/webhooks/{id}/deliveries/{delivery_id}/retry",
      "/api/v1/webhooks/{id}/test",
      "/health",
      "/webhooks/whatsapp/{id}",
    ]);
    for (const operations of Object.values<Record<string, { summary?: string }>>(document.paths)) {
      for (const operation of Object.values(operations)) expect(operation.summary).toBeTruthy();
    }
  });

  test("is shown to other machines only with an API key", async () => {
    const backend = await backendWith();
    for (const url of ["/docs", "/docs/", "/docs/json", "/docs/yaml", "/docs/static/swagger-ui.css"]) {
      expect([url, (await backend.app.inject({ url, remoteAddress: "192.168.1.20" })).statusCode]).toEqual([url, 403]);
      expect((await backend.app.inject({ url, remoteAddress: "::ffff:127.0.0.1" })).statusCode).toBeLessThan(400);
    }
  });

  test("is a page that runs nothing but its own scripts", async () => {
    const backend = await backendWith();
    const page = await backend.app.inject("/docs/");
    expect([page.statusCode, page.headers["content-type"]]).toEqual([200, expect.stringContaining("text/html")]);
    expect(page.headers["content-security-policy"]).toContain("default-src 'self'");
    expect(page.body).not.toMatch(/<script(?![^>]*src=)/);
  });
});
