/** Owns the backend as its tests use it: the real one, on a database of its own, each answer held against its own schema. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { idSource } from "@mini-crm/core/id";
import type { Engines } from "@mini-crm/runtime/engines";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { openIntake } from "@mini-crm/runtime/intake";
import { pino } from "pino";
import Schema from "typebox/schema";
import { buildBackend } from "./build-server.ts";
import type { BackendDeps } from "./deps.ts";
import { openEngines, ruleAsMongoQuery } from "./tmp-engines.ts";

export interface Answer {
  status: number;
  headers: Record<string, unknown>;
  text: string;
  /** The parsed JSON; tests look into it freely. */
  // biome-ignore lint/suspicious/noExplicitAny: what tests assert on has every shape
  body: any;
}

export interface TestBackend extends Pick<Engines, "store" | "bus" | "clock"> {
  app: HttpServer;
  /** Every line of the log so far, as text. */
  log: string[];
  /** Sends `body` as JSON (a text as it is), and fails where the answer is not what its route's schema says. */
  call(method: "GET" | "POST" | "PATCH" | "DELETE" | "PUT" | "HEAD", url: string, body?: unknown): Promise<Answer>;
  close(): Promise<void>;
}

export async function openBackend(changes: Partial<BackendDeps> = {}): Promise<TestBackend> {
  const dataDir = await mkdtemp(join(tmpdir(), "mini-crm-backend-"));
  const engines = await openEngines({ dataDir });
  const intake = openIntake();
  const log: string[] = [];
  const app = await buildBackend({
    store: engines.store,
    bus: engines.bus,
    clock: engines.clock,
    log: pino({ level: "debug" }, { write: (line: string) => log.push(line) }),
    newId: idSource(engines.clock),
    readLeads: intake.readLeads,
    ruleAsMongoQuery,
    defaultChannelId: "default",
    apiKey: null,
    engines: engines.names,
    version: "1.0.0",
    ...changes,
  });
  await app.ready();
  return {
    app,
    log,
    store: engines.store,
    bus: engines.bus,
    clock: engines.clock,
    async call(method, url, body) {
      const payload = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
      const headers = payload === undefined ? {} : { "content-type": "application/json" };
      const answer = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
      const parsed = answer.body === "" ? null : answer.json();
      holdAgainstSchema(app, method, url, answer.statusCode, parsed);
      return { status: answer.statusCode, headers: answer.headers, text: answer.body, body: parsed };
    },
    async close() {
      await app.close();
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
