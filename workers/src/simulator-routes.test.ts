import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import type { InboundText } from "@mini-crm/core/ports/whatsapp-provider";
import type { Simulator } from "@mini-crm/runtime/engines";
import { createHttpServer, type HttpServer } from "@mini-crm/runtime/http/http-server";
import { createLog } from "@mini-crm/runtime/log";
import { openSimulator } from "@mini-crm/runtime/providers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { simulatorRoutes } from "./simulator-routes.ts";

const AT_ONCE = { fromMs: 0, toMs: 0 };

let folder: string;
let simulator: Simulator;
let app: HttpServer;
const clock = virtualClock();
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "mini-crm-simulator-"));
  const settings = { seed: 1, latency: AT_ONCE, deliveredAfter: AT_ONCE, readAfter: AT_ONCE };
  simulator = openSimulator({ dataDir: folder, simulator: settings }, clock);
  app = createHttpServer({ log: createLog("silent", "test"), apiKey: null, bodyLimitBytes: 65_536 });
  simulatorRoutes(app, () => simulator);
});
afterEach(async () => {
  await app.close();
  await simulator.stop();
  simulator.close();
  await rm(folder, { recursive: true });
});

const write = (body: object) => app.inject({ method: "POST", url: "/simulator/inbound", payload: body });

test("what is posted as an inbound text is heard as one", async () => {
  const heard: InboundText[] = [];
  simulator.onTexts(async (texts) => {
    heard.push(...texts);
  });
  await simulator.start();
  const answer = await write({ from: "+49 151 1234-5678", text: "Stop 🛑", name: "Ana" });
  await clock.advance(10);
  const [text] = heard;
  const at = new Date(text?.at ?? 0).toISOString();
  const written = { from: "+4915112345678", name: "Ana", text: "Stop 🛑" };
  expect(heard).toMatchObject([written]);
  expect([answer.statusCode, answer.json()]).toEqual([
    202,
    { success: true, data: { provider_id: text?.providerId, ...written, at } },
  ]);
});

test.each([
  [{ text: "Hi" }, "from"],
  [{ from: "4915112345678", text: "Hi" }, "from"],
  [{ from: "+0151123456", text: "Hi" }, "from"],
  [{ from: "nobody", text: "Hi" }, "from"],
  [{ from: "+4915112345678" }, "text"],
  [{ from: "+4915112345678", text: "" }, "text"],
  [{ from: "+4915112345678", text: "x".repeat(4_097) }, "text"],
  [{ from: "+4915112345678", text: "Hi", to: "+49" }, "to"],
])("%j is refused for its %s", async (body, field) => {
  const answer = await write(body);
  expect([answer.statusCode, answer.json().error.code]).toEqual([400, "VALIDATION_FAILED"]);
  expect(answer.json().error.details[0].field).toBe(field);
});
