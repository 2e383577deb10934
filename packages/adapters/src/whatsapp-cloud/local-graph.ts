/** Owns a server for tests that answers as Meta's Graph API, by whatever a test tells it. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import type { CloudSecrets, CloudSettings } from "@mini-crm/core/channel/channel";

export interface GraphRequest {
  method: string;
  /** With the query. */
  path: string;
  headers: IncomingHttpHeaders;
  body: unknown;
}

/** `hangs`: no answer. `cut`: the connection ends without one. A `body` that is text goes out as it is. */
export type GraphReply = { status: number; body: unknown; headers?: Record<string, string> } | "hangs" | "cut";

export interface LocalGraph {
  settings: CloudSettings;
  secrets: CloudSecrets;
  /** In the order in which they came. */
  requests: GraphRequest[];
  /** From now on it answers so; a number that is well is what it answers at first, and any message is accepted. */
  reply(answer: (request: GraphRequest) => GraphReply): void;
  close(): Promise<void>;
}

export const PHONE_NUMBER_ID = "106540352242922";
export const BUSINESS_ACCOUNT_ID = "102290129340398";

export const WELL: GraphReply = {
  status: 200,
  body: {
    id: PHONE_NUMBER_ID,
    verified_name: "Lucky Shrub",
    display_phone_number: "+1 555-078-3881",
    quality_rating: "GREEN",
    messaging_limit_tier: "TIER_10K",
  },
};

export const ACCEPTED: GraphReply = { status: 200, body: { messaging_product: "whatsapp", messages: [{ id: "wamid.1" }] } };

/** Meta's error body. */
export function graphError(status: number, code: number, more: Record<string, unknown> = {}): GraphReply {
  return { status, body: { error: { message: `(#${code}) An error`, type: "OAuthException", code, fbtrace_id: "A", ...more } } };
}

export async function startLocalGraph(): Promise<LocalGraph> {
  let answer: (request: GraphRequest) => GraphReply = ({ method }) => (method === "GET" ? WELL : ACCEPTED);
  const requests: GraphRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const { method = "", url: path = "", headers } = request;
      const heard: GraphRequest = { method, path, headers, body: text === "" ? null : JSON.parse(text) };
      requests.push(heard);
      const reply = answer(heard);
      if (reply === "hangs") return;
      if (reply === "cut") {
        request.socket.destroy();
        return;
      }
      response.writeHead(reply.status, { "content-type": "application/json", ...reply.headers });
      response.end(typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    settings: {
      phone_number_id: PHONE_NUMBER_ID,
      business_account_id: BUSINESS_ACCOUNT_ID,
      base_url: `http://127.0.0.1:${port}`,
      api_version: "v23.0",
    },
    secrets: { access_token: "EAAG-secret-token", app_secret: "app-secret", verify_token: "verify-me" },
    requests,
    reply(newAnswer) {
      answer = newAnswer;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
