/** Owns the reading of JSON bodies. */
import type { FastifyInstance } from "fastify";

/**
 * Accepts JSON and nothing else. An empty body is none at all, even where `Content-Type` announces JSON; keys that would
 * change an object's prototype are refused.
 */
export function acceptJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else void parse(request, body, done);
  });
}
