/** Owns a process from its first line to its exit: settings, log, engines, what runs on them, and the way down. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { AppError } from "@mini-crm/core/app-error";
import closeWithGrace from "close-with-grace";
import { type Config, readConfig } from "./config.ts";
import { type Engines, openEngines } from "./engines.ts";
import { createLog, type Logger } from "./log.ts";

export interface ProcessContext {
  config: Config;
  log: Logger;
  engines: Engines;
}

/** Something that was started and can be closed. */
export interface Closable {
  close(): Promise<void>;
}

/** The project's root: settings in `.env` and relative folders count from here, whichever folder a command was given in. */
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** How long the way down may take; leases make sure that nothing is lost where it takes longer. */
const GRACE_MS = 10_000;

/** The settings of this installation: from the environment, and from `.env` what that leaves out. */
export function readSettings(): Config {
  const envFile = `${ROOT}.env`;
  if (existsSync(envFile)) process.loadEnvFile(envFile);
  return readConfig(process.env, ROOT);
}

/**
 * Runs `start` on open engines until SIGTERM or SIGINT; then closes what it started, last first, and exits 0. What keeps the
 * process from starting is said in one sentence, and it exits 1.
 */
export async function runProcess(name: string, start: (context: ProcessContext) => Promise<Closable[]>): Promise<void> {
  const opened: Closable[] = [];
  try {
    const config = readSettings();
    const log = createLog(config.logLevel, name);
    closeWithGrace({ delay: GRACE_MS, logger: false }, async ({ err, signal }) => {
      if (err !== undefined) log.fatal({ err }, "Stops because of a bug");
      else log.info({ signal }, "Stops: finishes what is in flight");
      await closeAll(opened);
    });
    const engines = await openEngines(config, log);
    opened.push(engines);
    opened.push(...(await start({ config, log, engines })));
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`);
    await closeAll(opened);
    process.exit(1);
  }
}

async function closeAll(opened: Closable[]): Promise<void> {
  for (const closable of opened.splice(0).reverse()) await closable.close();
}

function explain(error: unknown): string {
  if (error instanceof AppError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
