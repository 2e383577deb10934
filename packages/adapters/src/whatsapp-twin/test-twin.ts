/** Owns a twin for tests: fast, with a webhook that keeps what it is told, and a clock that can be moved on. */
import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "../system-clock/system-clock.ts";
import type { SimulatorBehaviour } from "../whatsapp-simulator/behaviour.ts";
import { asList, asObject, type Json } from "./json.ts";
import type { TwinNumber } from "./number.ts";
import { createTwin, type Twin, type TwinTemplate } from "./twin.ts";

const AT_ONCE = { fromMs: 0, toMs: 0 };
const FAST: Partial<SimulatorBehaviour> = {
  latency: AT_ONCE,
  sentAfter: AT_ONCE,
  deliveredAfter: AT_ONCE,
  readAfter: AT_ONCE,
  readShare: 1,
};

export const NUMBER: TwinNumber = {
  phoneNumberId: "106540352242922",
  businessAccountId: "102290129340398",
  displayPhoneNumber: "+1 555-078-3881",
  verifiedName: "Lucky Shrub",
  accessToken: "token-1",
  appSecret: "secret-1",
  webhookUrl: null,
  verifyToken: "verify-1",
  pairMs: null,
  windowMs: null,
};

export interface TestTwin {
  twin: Twin;
  /** What the webhook was told and took, by field, in its order. */
  heard: { statuses: Json[]; messages: Json[]; contacts: Json[]; preferences: Json[]; templates: Json[]; batches: number };
  webhook: TestWebhook;
  clock: ReturnType<typeof movableClock>;
  graph(method: string, path: string, body?: unknown, token?: string): Promise<{ status: number; body: Json }>;
  /** Sends a text to `to` with `id` as its data, over `NUMBER` unless another is named. */
  text(id: string, to?: string, phoneNumberId?: string): Promise<{ status: number; body: Json }>;
  own(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }>;
  left(): string[];
  close(): Promise<void>;
}

export interface TestTwinOptions {
  behaviour?: Partial<SimulatorBehaviour>;
  numbers?: readonly Partial<TwinNumber>[];
  templates?: readonly TwinTemplate[];
  file?: string;
  reviewMs?: number;
}

export async function startTestTwin(options: TestTwinOptions = {}): Promise<TestTwin> {
  const clock = movableClock();
  const webhook = await startWebhook();
  const twin = await createTwin({
    file: options.file ?? ":memory:",
    clock,
    seed: 1,
    behaviour: { ...FAST, ...options.behaviour },
    numbers: (options.numbers ?? [{}]).map((number) => ({ ...NUMBER, webhookUrl: webhook.url, ...number })),
    templates: options.templates ?? [],
    reviewMs: options.reviewMs ?? 0,
  });

  async function ask(method: string, path: string, body: unknown, headers: Record<string, string>) {
    const payload = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
    const response = await fetch(`${twin.url}${path}`, {
      method,
      headers: { "content-type": "application/json", ...headers },
      ...payload,
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith("{") ? (asObject(JSON.parse(text)) ?? {}) : { text } };
  }

  const graph: TestTwin["graph"] = (method, path, body, token = NUMBER.accessToken) =>
    ask(method, `/v23.0/${path}`, body, { authorization: `Bearer ${token}` });

  return {
    twin,
    webhook,
    heard: webhook.heard,
    clock,
    graph,
    text: (id, to = "+4915112345678", phoneNumberId = NUMBER.phoneNumberId) =>
      graph("POST", `${phoneNumberId}/messages`, {
        messaging_product: "whatsapp",
        to,
        type: "text",
        text: { body: `text of ${id}` },
        biz_opaque_callback_data: id,
      }),
    own: (method, path, body) => ask(method, path, body, {}),
    left: () => twin.controls.outbox({ page: 1, limit: 1_000 }).items.map(({ message_id }) => message_id),
    async close() {
      await twin.close();
      await webhook.close();
    },
  };
}

function movableClock() {
  const real = systemClock();
  let movedMs = 0;
  let frozenAt: number | null = null;
  return {
    ...real,
    now: () => (frozenAt ?? real.now()) + movedMs,
    /** From now on it only moves when it is moved. */
    freeze() {
      frozenAt = real.now();
    },
    moveOn(durationMs: number) {
      movedMs += durationMs;
    },
  };
}

export interface TestWebhook {
  url: string;
  heard: TestTwin["heard"];
  /** Bodies with a wrong signature; there should be none. */
  forged: string[];
  /** The next so many are answered by 500, and not heard. */
  refuseNext(times: number): void;
  /** How many were refused so far. */
  refused(): number;
  close(): Promise<void>;
}

/** A webhook that checks signatures by `NUMBER`'s secret, and verifies itself by `NUMBER`'s token. */
async function startWebhook(): Promise<TestWebhook> {
  const heard: TestTwin["heard"] = { statuses: [], messages: [], contacts: [], preferences: [], templates: [], batches: 0 };
  const forged: string[] = [];
  let refusals = 0;
  let refused = 0;

  function hear(raw: string): void {
    heard.batches += 1;
    for (const change of changesIn(raw)) {
      const value = asObject(change["value"]) ?? {};
      heard.statuses.push(...objectsIn(value["statuses"]));
      heard.messages.push(...objectsIn(value["messages"]));
      heard.contacts.push(...objectsIn(value["contacts"]));
      heard.preferences.push(...objectsIn(value["user_preferences"]));
      if (change["field"] === "message_template_status_update") heard.templates.push(value);
    }
  }

  const server = createServer((request, response) => {
    const query = new URL(request.url ?? "/", "http://localhost").searchParams;
    if (request.method === "GET") {
      const isAsked = query.get("hub.mode") === "subscribe" && query.get("hub.verify_token") === NUMBER.verifyToken;
      response.writeHead(isAsked ? 200 : 403).end(isAsked ? query.get("hub.challenge") : "");
      return;
    }
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const raw = Buffer.concat(chunks);
      const signature = `sha256=${createHmac("sha256", NUMBER.appSecret).update(raw).digest("hex")}`;
      if (request.headers["x-hub-signature-256"] !== signature) forged.push(raw.toString());
      if (refusals > 0) {
        refusals -= 1;
        refused += 1;
        response.writeHead(500).end();
        return;
      }
      hear(raw.toString());
      response.writeHead(200).end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${portOf(server)}/hook`,
    heard,
    forged,
    refuseNext: (times) => {
      refusals = times;
    },
    refused: () => refused,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function portOf(server: Server): number {
  const address: string | AddressInfo | null = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function changesIn(raw: string): Json[] {
  const entries = objectsIn(asObject(JSON.parse(raw))?.["entry"]);
  return entries.flatMap((entry) => objectsIn(entry["changes"]));
}

function objectsIn(value: unknown): Json[] {
  return (asList(value) ?? []).map(asObject).filter((one) => one !== null);
}
