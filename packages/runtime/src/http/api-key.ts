/** Owns who may call: with a key configured, every route needs it unless it says that it is public. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { Refusal } from "./refusal.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** True for a route that anybody may call without the API key. */
    public?: boolean;
  }
}

type Headers = Record<string, string | string[] | undefined>;

/**
 * Makes `app` refuse calls without `apiKey`, unknown paths included, so that nothing can be found out without it. The key
 * comes as `Authorization: Bearer KEY` or `X-API-Key: KEY`.
 */
export function requireApiKey(app: Pick<FastifyInstance, "addHook">, apiKey: string): void {
  const expected = digest(apiKey);
  app.addHook("onRequest", async (request) => {
    if (request.routeOptions.config.public === true) return;
    const given = keyIn(request.headers);
    // Digests have one length and a comparison takes as long whatever differs: time tells nothing of the key.
    if (given !== null && timingSafeEqual(digest(given), expected)) return;
    throw new Refusal({
      status: 401,
      code: "UNAUTHORIZED",
      message: given === null ? "This call needs the API key." : "The API key is not the right one.",
      details: "Send it as Authorization: Bearer KEY, or as X-API-Key: KEY.",
      headers: { "www-authenticate": 'Bearer realm="mini-crm"' },
    });
  });
}

function keyIn(headers: Headers): string | null {
  const bearer = /^Bearer +(\S+) *$/i.exec(String(headers["authorization"] ?? ""))?.[1];
  if (bearer !== undefined) return bearer;
  const key = headers["x-api-key"];
  return typeof key === "string" ? key : null;
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
