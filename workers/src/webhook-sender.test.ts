import { createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ActivityKind, NewActivity } from "@mini-crm/core/activity/activity";
import { virtualClock } from "@mini-crm/core/ports/virtual-clock";
import type { WebhookTransport } from "@mini-crm/core/ports/webhook-transport";
import { type Delivery, KEPT_DELIVERIES_MS } from "@mini-crm/core/webhook/webhook";
import { openEngines, openWebhookTransport } from "@mini-crm/runtime/engines";
import { createLog } from "@mini-crm/runtime/log";
import { newWebhookSecret } from "@mini-crm/runtime/webhook-signature";
import { afterEach, expect, test } from "vitest";
import { startWebhookSender } from "./webhook-sender.ts";

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  atSecond: number;
}

/** A sender in virtual time on a real store, and a receiver that answers with the given statuses, the last of them for ever. */
async function setUp(statuses: number[], { toPrivateAddresses = true } = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), "mini-crm-webhooks-"));
  opened.push(() => rm(dataDir, { recursive: true }));
  const { store, clock: machine, close } = await openEngines({ dataDir });
  opened.push(close);

  const underWay = new Set<Promise<unknown>>();
  const clock = virtualClock({
    // Time stands while anything is on the wire or on its way into the store.
    async settle() {
      for (let round = 0; round < 3; round += 1) {
        await Promise.all(underWay);
        await store.webhooks.sweep(0);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  });
  const began = clock.now();
  const real = openWebhookTransport({ webhooksToPrivateAddresses: toPrivateAddresses });
  const transport: Pick<WebhookTransport, "post"> = {
    async post(request) {
      const answer = real.post(request);
      underWay.add(answer);
      return answer.finally(() => underWay.delete(answer));
    },
  };

  const received: Received[] = [];
  const port = await listen((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      const atSecond = Math.floor((clock.now() - began) / 1000);
      received.push({ path: request.url ?? "", headers: request.headers, body, atSecond });
      response.writeHead(statuses.length > 1 ? (statuses.shift() ?? 500) : (statuses[0] ?? 500)).end("An answer");
    });
  });

  const secret = newWebhookSecret();
  const webhook = async (id: string, kinds: ActivityKind[] = ["lead.opted_out"], host = "127.0.0.1") => {
    const at = clock.now();
    const common = { enabled: true, off_reason: null, failing_since: null, created_at: at, updated_at: at };
    await store.webhooks.create({ _id: id, url: `http://${host}:${port}/${id}`, secret, kinds, ...common });
  };
  const startSender = () => {
    const log = createLog("silent", "test");
    const sender = startWebhookSender({ store, clock, log }, transport);
    opened.push(() => sender.close());
    return sender;
  };
  const note = (...subjects: string[]) =>
    store.activity.note(
      subjects.map((subject): NewActivity => ({ at: clock.now(), kind: "lead.opted_out", subject, data: { source: "STOP" } })),
    );
  const deliveries = async (id: string): Promise<Delivery[]> =>
    (await store.webhooks.deliveries(id, { page: 1, limit: 100 })).items;
  return { store, clock, machine, received, secret, webhook, startSender, note, deliveries };
}

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.push(async () => server.close().closeAllConnections());
  return (server.address() as AddressInfo).port;
}

test("a delivery arrives once, and its signature proves it", async () => {
  const { clock, received, secret, webhook, startSender, note, deliveries } = await setUp([200]);
  await webhook("a");
  const sender = startSender();
  await note("someone");
  await clock.advance(5_000);
  expect(received).toHaveLength(1);
  const [first] = received;
  if (first === undefined) throw new Error("Nothing arrived");
  const { headers, body, path } = first;
  const [id, timestamp] = [headers["webhook-id"], headers["webhook-timestamp"]];
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const signature = createHmac("sha256", key)
    .update(`${String(id)}.${String(timestamp)}.${body}`)
    .digest("base64");
  expect([path, headers["webhook-signature"], headers["content-type"]]).toEqual(["/a", `v1,${signature}`, "application/json"]);
  expect(JSON.parse(body)).toMatchObject({ type: "lead.opted_out", data: { subject: "someone", source: "STOP" } });
  expect(await deliveries("a")).toMatchObject([
    { _id: id, status: "DELIVERED", attempts: [{ status: 200, answer: "An answer" }] },
  ]);
  expect(sender.stats()).toEqual({ isRunning: true, delivered: 1, failedTries: 0, errors: 0 });
});

test("what fails is tried again later and later, under one id and freshly signed", async () => {
  const { clock, received, webhook, startSender, note, deliveries } = await setUp([500, 302, 404, 503]);
  await webhook("a");
  startSender();
  await note("someone");
  await clock.advance(160_000);
  const waits = received.map(({ atSecond }, index) => atSecond - (received[index - 1]?.atSecond ?? 0));
  for (const [index, afterS] of [0, 5, 30, 120].entries())
    expect(Math.abs((waits[index] ?? 0) - afterS), `try ${index + 1}`).toBeLessThan(2);
  expect(waits).toHaveLength(4);
  expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  expect(new Set(received.map(({ headers }) => headers["webhook-signature"])).size).toBe(4);
  expect(await deliveries("a")).toMatchObject([
    { status: "PENDING", attempts: [{ status: 500 }, { status: 302 }, { status: 404 }, { status: 503 }] },
  ]);
});

test("500 and then 200 is delivered", async () => {
  const { clock, received, webhook, startSender, note, deliveries } = await setUp([500, 200]);
  await webhook("a");
  startSender();
  await note("someone");
  await clock.advance(10_000);
  expect(received).toHaveLength(2);
  expect(await deliveries("a")).toMatchObject([{ status: "DELIVERED", attempts: [{ status: 500 }, { status: 200 }] }]);
});

test("410 turns the webhook off, and nothing goes there any more", async () => {
  const { store, clock, received, webhook, startSender, note } = await setUp([410]);
  await webhook("a");
  startSender();
  await note("someone");
  await clock.advance(5_000);
  await note("another");
  await clock.advance(60_000);
  expect(received).toHaveLength(1);
  expect(await store.webhooks.read("a")).toMatchObject({ enabled: false, off_reason: expect.stringContaining("410") });
});

test("a private address is not called, whether it is written or looked up", async () => {
  const { clock, received, webhook, startSender, note, deliveries } = await setUp([200], { toPrivateAddresses: false });
  await webhook("written");
  await webhook("named", ["lead.opted_out"], "localhost");
  startSender();
  await note("someone");
  await clock.advance(1_000);
  expect(received).toEqual([]);
  for (const id of ["written", "named"]) {
    expect(await deliveries(id)).toMatchObject([
      { status: "PENDING", attempts: [{ status: null, reason: expect.stringContaining("is no public address") }] },
    ]);
  }
});

test("two senders share the work, and what one leaves behind the other takes up", async () => {
  const { store, clock, received, webhook, startSender, note } = await setUp([200]);
  await webhook("a");
  await note(...Array.from({ length: 40 }, (_, index) => `lead ${index}`));
  // Somebody who claims and dies.
  await store.webhooks.claim({ busy: [], perWebhook: 3, leaseMs: 30_000, now: clock.now() });
  const senders = [startSender(), startSender()];
  await clock.advance(20_000);
  expect(received).toHaveLength(37);
  await clock.advance(20_000);
  expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(40);
  expect(received).toHaveLength(40);
  const shares = senders.map((sender) => sender.stats().delivered);
  expect(shares.reduce((sum, share) => sum + share, 0)).toBe(40);
});

test("what is old is forgotten while the sender runs", async () => {
  const { store, clock, webhook, startSender, deliveries } = await setUp([200]);
  await webhook("a");
  await store.webhooks.test("a", "old", clock.now() - KEPT_DELIVERIES_MS + 30_000);
  startSender();
  await clock.advance(5_000);
  expect(await deliveries("a")).toHaveLength(1);
  await clock.advance(120_000);
  expect(await deliveries("a")).toEqual([]);
});

test("a sender that stops waits a little for a receiver that hangs; the delivery comes again when its lease ends", async () => {
  const { store, clock, machine, webhook, startSender, note, received, deliveries } = await setUp([200]);
  let isAsked = false;
  const silent = await listen(() => (isAsked = true));
  await webhook("a");
  const { url = "" } = (await store.webhooks.read("a")) ?? {};
  await store.webhooks.change("a", { url: `http://127.0.0.1:${silent}/` }, clock.now());
  await note("someone");
  const log = createLog("silent", "test");
  // On the machine's clock: in the other one, time would stand still for as long as the receiver hangs.
  const waiting = { ...machine, now: clock.now };
  const sender = startWebhookSender({ store, clock: waiting, log }, openWebhookTransport({ webhooksToPrivateAddresses: true }));
  while (!isAsked) await store.ping();
  await sender.close();
  expect(await deliveries("a")).toMatchObject([{ status: "PENDING", attempts: [] }]);
  await store.webhooks.change("a", { url }, clock.now());
  startSender();
  await clock.advance(29_000);
  expect(received).toEqual([]);
  await clock.advance(5_000);
  expect(await deliveries("a")).toMatchObject([{ status: "DELIVERED", attempts: [{ status: 200 }] }]);
});
