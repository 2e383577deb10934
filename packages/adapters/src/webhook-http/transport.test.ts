import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { httpWebhookTransport } from "./transport.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function portOf(listener: RequestListener): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function post(url: string, { toPrivateAddresses = true, timeoutMs = 5_000, signal = new AbortController().signal } = {}) {
  const transport = httpWebhookTransport({ toPrivateAddresses });
  return transport.post({ url, headers: { "x-mark": "here" }, body: '{"größe":1}', timeoutMs, signal });
}

describe("where private addresses are allowed", () => {
  test("body and headers arrive, and the answer's status and beginning come back", async () => {
    let arrived = "";
    const port = await portOf((request, response) => {
      request.on("data", (chunk: Buffer) => (arrived += chunk.toString()));
      request.on("end", () => response.writeHead(201).end(`${request.method} ${String(request.headers["x-mark"])}`));
    });
    expect(await post(`http://127.0.0.1:${port}/hook?a=1`)).toEqual({ kind: "answered", status: 201, excerpt: "POST here" });
    expect(arrived).toBe('{"größe":1}');
  });

  test("of a long answer only the first kilobyte is kept, and an endless one is not read to the end", async () => {
    const port = await portOf((_request, response) => {
      const more = () => {
        while (response.write("x".repeat(10_000)));
        response.once("drain", more);
      };
      more();
    });
    expect(await post(`http://127.0.0.1:${port}`)).toEqual({ kind: "answered", status: 200, excerpt: "x".repeat(1024) });
  });

  test("a redirect is an answer like any other, and is not followed", async () => {
    const asked: string[] = [];
    const port = await portOf((request, response) => {
      asked.push(request.url ?? "");
      response.writeHead(302, { location: "/elsewhere" }).end();
    });
    expect(await post(`http://127.0.0.1:${port}/hook`)).toMatchObject({ kind: "answered", status: 302 });
    expect(asked).toEqual(["/hook"]);
  });

  test("silence ends with the time that was given, also in the middle of an answer", async () => {
    const silent = await portOf(() => undefined);
    expect(await post(`http://127.0.0.1:${silent}`, { timeoutMs: 100 })).toEqual({
      kind: "failed",
      reason: "No answer came within 0.1 s.",
    });
    const halting = await portOf((_request, response) => void response.writeHead(200).write("half"));
    expect(await post(`http://127.0.0.1:${halting}`, { timeoutMs: 200 })).toEqual({
      kind: "answered",
      status: 200,
      excerpt: "half",
    });
  });

  test("it ends at once when it is called off", async () => {
    const port = await portOf(() => undefined);
    expect(await post(`http://127.0.0.1:${port}`, { signal: AbortSignal.abort() })).toMatchObject({
      kind: "failed",
      reason: "This process stopped before an answer came.",
    });
  });

  test("nobody there, and an answer that is no HTTP, are failures with a reason", async () => {
    const port = await portOf((request) => request.socket.end("nonsense\r\n\r\n"));
    expect(await post(`http://127.0.0.1:${port}`)).toMatchObject({
      kind: "failed",
      reason: expect.stringContaining("Parse Error"),
    });
    expect(await post("http://127.0.0.1:9")).toMatchObject({ kind: "failed", reason: expect.stringContaining("ECONNREFUSED") });
    expect(await post(`https://127.0.0.1:${port}`)).toMatchObject({ kind: "failed" });
  });
});

describe("where they are not", () => {
  test("nothing of this machine or its network is reached, however it is written", async () => {
    let calls = 0;
    const port = await portOf((_request, response) => {
      calls += 1;
      response.end();
    });
    for (const host of [
      "127.0.0.1",
      "127.1",
      "2130706433",
      "0x7f000001",
      "0177.0.0.1",
      "0.0.0.0",
      "[::1]",
      "[::ffff:127.0.0.1]",
    ]) {
      const refused = { kind: "refused", reason: expect.stringContaining("is no public address") };
      expect(await post(`http://${host}:${port}`, { toPrivateAddresses: false }), host).toEqual(refused);
      expect(httpWebhookTransport({ toPrivateAddresses: false }).refusalOf(`http://${host}:${port}`), host).toBeTypeOf("string");
    }
    expect(calls).toBe(0);
  });

  test("a name is looked at by the addresses that it has", async () => {
    let calls = 0;
    const port = await portOf((_request, response) => {
      calls += 1;
      response.end();
    });
    const url = `http://localhost:${port}`;
    expect(httpWebhookTransport({ toPrivateAddresses: false }).refusalOf(url)).toBeNull();
    expect(await post(url, { toPrivateAddresses: false })).toEqual({
      kind: "refused",
      reason: expect.stringMatching(/^(127\.0\.0\.1|::1) is no public address/),
    });
    expect(calls).toBe(0);
    expect(await post(url)).toMatchObject({ kind: "answered", status: 200 });
  });
});
