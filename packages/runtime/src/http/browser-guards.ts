/** Owns what keeps a browser from being turned against the server by the pages that it shows. */
import type { FastifyInstance } from "fastify";
import { isLoopback } from "../config.ts";
import { Refusal } from "./refusal.ts";

/**
 * Refuses what another website's page makes a browser send: without an API key, being on this machine is all that a caller
 * needs, and a page that its user visits is on this machine too. Programs other than browsers send no `Sec-Fetch-Site`.
 */
export function guardBrowsers(app: Pick<FastifyInstance, "addHook">): void {
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-content-type-options", "nosniff");
    const site = request.headers["sec-fetch-site"];
    const onlyReads = request.method === "GET" || request.method === "HEAD";
    if (onlyReads || (site !== "cross-site" && site !== "same-site")) return;
    throw new Refusal({
      status: 403,
      code: "CROSS_SITE_REQUEST",
      message: "Another website may not change anything here.",
      details: "Call from this server's own pages, or from a program that is no browser.",
    });
  });
}

/**
 * Answers only calls to this machine's own names, save for public routes, which are meant for everybody. Without an API key a page could otherwise give its own name this machine's
 * address and read everything as if the page had come from here; and a proxy that others can reach would need no key at all.
 */
export function answerOnlyOwnNames(app: Pick<FastifyInstance, "addHook">): void {
  app.addHook("onRequest", async (request) => {
    if (request.routeOptions.config.public === true || isLoopback(request.hostname.replace(/^\[(.*)\]$/, "$1"))) return;
    throw new Refusal({
      status: 403,
      code: "UNKNOWN_HOST",
      message: "Without an API key this server is only for its own machine.",
      details: "Call it as localhost or 127.0.0.1; to reach it under another name, set API_KEY and send the key.",
    });
  });
}
