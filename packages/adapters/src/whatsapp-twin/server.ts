/** Owns the twin's HTTP server: reads requests whole, and writes answers, or cuts the connection. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Answer } from "./graph-error.ts";

const MAX_BODY_BYTES = 1_048_576;

export interface TwinRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  body: string;
}

export interface TwinServer {
  url: string;
  close(): Promise<void>;
}

/** Listens on 127.0.0.1 only. `isCut` is asked before anything of the body is read. */
export async function listen(
  port: number,
  isCut: (path: string) => boolean,
  answer: (request: TwinRequest) => Promise<Answer>,
): Promise<TwinServer> {
  const server = createServer((request, response) => {
    void respond(request, response, isCut, answer);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return { url: `http://127.0.0.1:${portOf(server)}`, close: () => close(server) };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The twin listens on no port");
  return address.port;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  isCut: (path: string) => boolean,
  answer: (request: TwinRequest) => Promise<Answer>,
): Promise<void> {
  const { method = "GET", url = "/", headers, socket } = request;
  const [path = "/", query = ""] = url.split("?", 2);
  if (isCut(path)) return void socket.destroy();
  try {
    const body = await readBody(request);
    if (body === null) return write(response, { kind: "text", status: 413, text: "The body is too large" });
    const said = await answer({ method, path, query: new URLSearchParams(query), headers, body });
    if (said.kind === "cut") socket.destroy();
    else write(response, said);
  } catch (error) {
    // Whoever asked has gone, or the twin has a bug: then they should see it.
    if (!response.headersSent) write(response, { kind: "text", status: 500, text: String(error) });
  }
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function write(response: ServerResponse, said: Exclude<Answer, { kind: "cut" }>): void {
  const text = said.kind === "json" ? JSON.stringify(said.body) : said.text;
  const type = said.kind === "json" ? "application/json; charset=UTF-8" : "text/plain; charset=utf-8";
  response.writeHead(said.status, { "content-type": type, "content-length": Buffer.byteLength(text) }).end(text);
}
