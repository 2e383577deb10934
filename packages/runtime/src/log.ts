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
  return pino(options, pinoPretty({ colorize: true, sync: true, ignore: "pid,hostname,service", translateTime: "HH:MM:ss" }));
}
