/** Owns the answer to a path that does not exist, and to a method that a path does not have. */
import type { FastifyInstance } from "fastify";
import { Refusal } from "./refusal.ts";

/** Answers 404 ROUTE_NOT_FOUND, or 405 METHOD_NOT_ALLOWED with `Allow`. Call it before the routes are declared. */
export function refuseUnknownRoutes(app: Pick<FastifyInstance, "addHook" | "setNotFoundHandler">): void {
  const methodsOf = new Map<string, Set<string>>();

  app.addHook("onRoute", ({ url, method }) => {
    // A wildcard takes what nothing else does; it says nothing of the methods of a path.
    if (url.includes("*")) return;
    methodsOf.set(url, new Set([...(methodsOf.get(url) ?? []), ...[method].flat()]));
  });

  app.setNotFoundHandler((request) => {
    const path = request.url.split("?", 1)[0] ?? "";
    const methods = [...methodsOf].flatMap(([url, names]) => (isAt(path, url) ? [...names] : []));
    if (methods.length > 0) throw methodNotAllowed(request.method, [...new Set(methods)]);
    throw new Refusal({
      status: 404,
      code: "ROUTE_NOT_FOUND",
      message: "There is nothing at this address.",
      details: `No route ${request.method} ${path.slice(0, 200)} exists.`,
    });
  });
}

function methodNotAllowed(method: string, methods: string[]): Refusal {
  const allow = methods.sort().join(", ");
  return new Refusal({
    status: 405,
    code: "METHOD_NOT_ALLOWED",
    message: `${method} is not possible at this address.`,
    details: `Use ${allow}.`,
    headers: { allow },
  });
}

/** Tells whether `path` is an address of the route declared as `url`, such as `/leads/:id`. */
function isAt(path: string, url: string): boolean {
  const parts = path.split("/");
  const declared = url.split("/");
  return (
    parts.length === declared.length &&
    declared.every((name, i) => name === parts[i] || (name.startsWith(":") && parts[i] !== ""))
  );
}
