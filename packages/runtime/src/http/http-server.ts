/** Owns what every HTTP server of the product has in common: validation, error envelope, request log, API key, limits. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController, type RawServerDefault } from "fastify";
import { requireApiKey } from "./api-key.ts";
import { refuseBrokenRequest } from "./broken-request.ts";
import { answerOnlyOwnNames, guardBrowsers } from "./browser-guards.ts";
import { answerError } from "./error-answers.ts";
import { acceptJson } from "./json-body.ts";
import { logRequests } from "./request-log.ts";
import { compileValidator } from "./request-validator.ts";
import { refuseUnknownRoutes } from "./unknown-routes.ts";

export type HttpServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export interface HttpServerOptions {
  log: FastifyBaseLogger;
  /** Null lets everybody call. */
  apiKey: string | null;
  /** The largest body that a route accepts where it says nothing else. */
  bodyLimitBytes: number;
}

/** Time to receive a whole request; slower ones are cut, so that a few slow callers cannot hold every connection. */
const REQUEST_TIMEOUT_MS = 120_000;

/**
 * Returns a server that does not listen yet and has no routes. Declare them on it: TypeBox schemas validate and type them,
 * `config: {public: true}` makes one callable without the API key, and whatever is thrown is answered in the error envelope.
 */
export function createHttpServer({ log, apiKey, bodyLimitBytes }: HttpServerOptions): HttpServer {
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    bodyLimit: bodyLimitBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Long identifiers get as far as their route, which knows what does not exist; node bounds the length of a request line.
    routerOptions: { maxParamLength: 65_536 },
    frameworkErrors: answerError,
    clientErrorHandler: refuseBrokenRequest,
  }).withTypeProvider<TypeBoxTypeProvider>();

  app.setValidatorCompiler(compileValidator);
  // Schemas of answers document and type them; the answers themselves are plain JSON, so that no field is lost on the way.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  app.setErrorHandler(answerError);
  acceptJson(app);
  logRequests(app);
  guardBrowsers(app);
  if (apiKey === null) answerOnlyOwnNames(app);
  else requireApiKey(app, apiKey);
  refuseUnknownRoutes(app);
  return app;
}
