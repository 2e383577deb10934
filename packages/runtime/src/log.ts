/** Owns the log: structured lines for machines, coloured ones where a person watches. */
import { type Logger, pino } from "pino";
import pinoPretty from "pino-pretty";

export type { Logger } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const satisfies readonly LogLevel[];

/** What never stands in a line, wherever an object that holds it is logged. */
const REDACTED = [
  "apiKey",
  "*.apiKey",
  "headers.authorization",
  "*.headers.authorization",
  'headers["x-api-key"]',
  '*.headers["x-api-key"]',
];

/** Writes to standard output. `service` names the process in every line. */
export function createLog(level: LogLevel, service: string): Logger {
  const options = { level, base: { service }, redact: REDACTED };
  if (!process.stdout.isTTY) return pino(options);
  const ignore = "pid,hostname,service,method,path,status,durationMs";
  const format = { colorize: true, sync: true, singleLine: true, translateTime: "HH:MM:ss" };
  return pino(
    options,
    pinoPretty({ ...format, ignore, messageFormat: (line, message) => sentenceOf(line, String(line[message])) }),
  );
}

/** A request in the order in which a person reads it; every other line as it says itself. */
function sentenceOf({ method, path, status, durationMs }: Record<string, unknown>, message: string): string {
  return typeof method === "string" ? `${method} ${String(path)} ${String(status)} in ${String(durationMs)} ms` : message;
}
