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
    throw portRefusal(error, { host, port, setting });
  }
}

/** Why the port cannot be had, in one sentence; `error` is what listening was answered with. */
export function portRefusal(error: unknown, address: Omit<ListenAddress, "name">): AppError {
  return new AppError("CONFIGURATION", sentenceOf(error, address), { retryable: false, cause: error });
}

function sentenceOf(error: unknown, { host, port, setting }: Omit<ListenAddress, "name">): string {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") return `${host} is not an address of this machine: correct HOST.`;
  return `Port ${port} on ${host} ${reasonOf(code)}: choose another with ${setting}.`;
}

function reasonOf(code: unknown): string {
  if (code === "EADDRINUSE") return "is taken by another program, perhaps by a Mini CRM that already runs";
  if (code === "EACCES") return "may not be used by this user";
  return `cannot be used (${String(code)})`;
}
