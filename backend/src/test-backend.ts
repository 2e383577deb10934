/** Owns the backend as its tests use it: the real one, on a database of its own, each answer held against its own schema. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { idSource } from "@mini-crm/core/id";
import { openEngines, openWebhookTransport, ruleAsMongoQuery } from "@mini-crm/runtime/engines";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { openIntake } from "@mini-crm/runtime/intake";
import { openVault } from "@mini-crm/runtime/vault";
import { openWebhookInbox } from "@mini-crm/runtime/webhook-inbox";
import { pino } from "pino";
import Schema from "typebox/schema";
import { buildBackend } from "./build-server.ts";
import type { BackendDeps } from "./deps.ts";
import type { WebhookNews } from "./webhook-news.ts";

type Method = "GET" | "POST" | "PATCH" | "DELETE" | "PUT" | "HEAD";
export type TestBackend = Awaited<ReturnType<typeof openBackend>>;
export type Answer = Awaited<ReturnType<TestBackend["call"]>>;

/** Opens the backend on real engines, with `changes` to what it gets of them. */
export async function openBackend(changes: Partial<BackendDeps> = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), "mini-crm-backend-"));
  const engines = await openEngines({ dataDir });
  const intake = openIntake();
  const vault = openVault({ secretsKey: null, dataDir });
  const webhookInbox = openWebhookInbox<WebhookNews>({ dataDir }, engines);
  const log: string[] = [];
  const app = await buildBackend({
    store: engines.store,
    bus: engines.bus,
    clock: engines.clock,
    log: pino({ level: "debug" }, { write: (line: string) => log.push(line) }),
    newId: idSource(engines.clock),
    readLeads: intake.readLeads,
    ruleAsMongoQuery,
    webhookTransport: openWebhookTransport({ webhooksToPrivateAddresses: false }),
    webhookInbox,
    defaultChannelId: "default",
    messagesPerMinute: 30,
    publicUrl: null,
    vault,
    receiptWindowMs: 86_400_000,
    apiKey: null,
    engines: engines.names,
    version: "1.0.0",
    ...changes,
  });
  await app.ready();
  return {
    app,
    dataDir,
    /** Every line of the log so far, as text. */
    log,
    store: engines.store,
    bus: engines.bus,
    clock: engines.clock,
    vault,
    webhookInbox,
    /** Sends `body` as JSON (a text as it is), and throws where the answer is not what its route's schema says. */
    async call(method: Method, url: string, body?: unknown) {
      const payload = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
      const headers = payload === undefined ? {} : { "content-type": "application/json" };
      const answer = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
      const parsed = answer.body === "" ? null : answer.json();
      holdAgainstSchema(app, method, url, answer.statusCode, parsed);
      return { status: answer.statusCode, headers: answer.headers, body: parsed };
    },
    async close(): Promise<void> {
      await app.close();
      await webhookInbox.close();
      await intake.close();
      await engines.close();
      await rm(dataDir, { recursive: true });
    },
  };
}

/** Throws where `answer` is not of the schema that the API's documentation has for it. */
function holdAgainstSchema(app: HttpServer, method: string, url: string, status: number, answer: unknown): void {
  const { paths = {} } = app.swagger();
  const path = url.split("?", 1)[0] ?? "";
  const pattern = Object.keys(paths)
    .sort()
    .find((candidate) => isAt(path, candidate));
  const operation: unknown = pattern === undefined ? undefined : Reflect.get(paths[pattern] ?? {}, method.toLowerCase());
  if (operation === undefined) return;
  const { responses } = operation as { responses: Record<string, { content: Record<string, { schema: object }> }> };
  const schema = (responses[status] ?? responses[`${Math.floor(status / 100)}XX`])?.content["application/json"]?.schema;
  if (schema === undefined) throw new Error(`${method} ${url} answered ${status}, which its schema does not have`);
  const [isValid, errors] = Schema.Errors(schema, answer);
  if (!isValid) throw new Error(`${method} ${url} answered what its schema does not say: ${JSON.stringify([errors, answer])}`);
}

function isAt(path: string, pattern: string): boolean {
  const parts = path.split("/");
  const names = pattern.split("/");
  return parts.length === names.length && names.every((name, index) => name === parts[index] || name.startsWith("{"));
}
