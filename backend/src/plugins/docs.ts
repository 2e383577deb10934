/** Owns the API's documentation: OpenAPI made of the routes' own schemas, and a page to read it at /docs. */
import { fastifySwagger, type SwaggerTransformObject } from "@fastify/swagger";
import { fastifySwaggerUi } from "@fastify/swagger-ui";
import { isLoopback } from "@mini-crm/runtime/config";
import type { HttpServer } from "@mini-crm/runtime/http/http-server";
import { Refusal } from "@mini-crm/runtime/http/refusal";
import type { FastifyRequest } from "fastify";

/** Only what the page itself serves may run or be loaded; without `upgrade-insecure-requests`, so that plain HTTP works. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "object-src 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

/**
 * Documents every route that is declared afterwards. The page needs the API key where there is one; where there is none, only
 * this machine sees it.
 */
export async function documentRoutes(
  app: HttpServer,
  { version, apiKey }: { version: string; apiKey: string | null },
): Promise<void> {
  await app.register(fastifySwagger, {
    transformObject: withOptionalBodies,
    openapi: {
      openapi: "3.1.0",
      info: { title: "Mini CRM", description: "Leads, segments, campaigns, and a ledger of who got what.", version },
      tags: [
        { name: "leads", description: "The people one can write to" },
        { name: "segments", description: "Audiences, described by rules" },
        { name: "campaigns", description: "A message for everyone in a segment" },
        { name: "channels", description: "The numbers that messages go out from, and their connection to WhatsApp" },
        { name: "delivery", description: "Who got it, who did not, and why" },
        { name: "events", description: "What happens, as it happens" },
        { name: "webhooks", description: "Telling other programs what happens" },
        { name: "system", description: "The service itself" },
      ],
      components: {
        securitySchemes: {
          bearer: { type: "http", scheme: "bearer" },
          key: { type: "apiKey", in: "header", name: "X-API-Key" },
        },
      },
      ...(apiKey === null ? {} : { security: [{ bearer: [] }, { key: [] }] }),
    },
  });
  await app.register(async (page) => {
    if (apiKey === null) page.addHook("onRequest", refuseFromOutside);
    await page.register(fastifySwaggerUi, { routePrefix: "/docs", staticCSP: CONTENT_SECURITY_POLICY });
  });
}

/** A body that may be null may be left out, which the plugin does not know. */
const withOptionalBodies: SwaggerTransformObject = (documented) => {
  if (!("openapiObject" in documented)) return documented.swaggerObject;
  for (const path of Object.values(documented.openapiObject.paths ?? {})) {
    const body = path?.post?.requestBody;
    if (body === undefined || "$ref" in body) continue;
    const { anyOf: alternatives = [] }: { anyOf?: object[] } = Object(body.content["application/json"]?.schema);
    if (alternatives.some((alternative) => "type" in alternative && alternative.type === "null")) body.required = false;
  }
  return documented.openapiObject;
};

async function refuseFromOutside({ ip }: FastifyRequest): Promise<void> {
  if (isLoopback(ip.replace(/^::ffff:/, ""))) return;
  throw new Refusal({
    status: 403,
    code: "DOCS_NEED_API_KEY",
    message: "The documentation is not shown to other machines.",
    details: "Read it on the machine that runs the server, or set API_KEY there and send the key.",
  });
}
