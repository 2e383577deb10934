/** Owns how a server takes its port: or says in one sentence why it cannot. */
import { AppError } from "@mini-crm/core/app-error";
import type { HttpServer } from "./http-server.ts";

/** Where a server listens: `name` is what the log calls it, `setting` the name under which the port can be changed. */
export interface ListenAddress {
  name: string;
  host: string;
  port: number;
  setting: string;
}

/** Listens, says so in the log, and answers the URL. */
export async function listen(app: HttpServer, { name, host, port, setting }: ListenAddress): Promise<string> {
  try {
    return await app.listen({ host, port, listenTextResolver: (url) => `${name} at ${url}` });
  } catch (error) {
    throw new AppError("CONFIGURATION", refusalOf(error, { name, host, port, setting }), { retryable: false, cause: error });
  }
}

function refusalOf(error: unknown, { host, port, setting }: ListenAddress): string {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") return `${host} is not an address of this machine: correct HOST.`;
  return `Port ${port} on ${host} ${reasonOf(code)}: choose another with ${setting}.`;
}

function reasonOf(code: unknown): string {
  if (code === "EADDRINUSE") return "is taken by another program, perhaps by a Mini CRM that already runs";
  if (code === "EACCES") return "may not be used by this user";
  return `cannot be used (${String(code)})`;
}
