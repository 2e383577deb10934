/** Owns the configuration: every setting with its meaning, default and check, read from the environment once. */
import { resolve } from "node:path";
import { AppError } from "@mini-crm/core/app-error";
import { LOG_LEVELS, type LogLevel } from "./log.ts";

/** A span of milliseconds from which the simulator draws. */
export interface SpanMs {
  fromMs: number;
  toMs: number;
}

export interface Config {
  /** The address that both servers listen on. */
  host: string;
  backendPort: number;
  workersPort: number;
  /** The folder that holds everything there is to keep; absolute. */
  dataDir: string;
  /** Null lets everybody on this machine call. */
  apiKey: string | null;
  logLevel: LogLevel;
  /** The most messages in any minute from one number; 0 for no limit. */
  messagesPerMinute: number;
  /** How long sent messages are waited for before a campaign completes without their receipts. */
  receiptWindowMs: number;
  /** True lets webhooks reach this machine and its network, which everybody who may make a webhook can then call. */
  webhooksToPrivateAddresses: boolean;
  simulator: {
    /** What happens to a message is drawn from this and its identifier: the same seed repeats a run. */
    seed: number;
    latency: SpanMs;
    deliveredAfter: SpanMs;
    readAfter: SpanMs;
  };
}

/** Settings whose value is never shown. */
const SECRET: ReadonlySet<string> = new Set(["API_KEY"]);

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the settings; relative folders count from `baseDir`. Throws one `AppError` that names every setting that is wrong, what
 * it must be and what it is.
 */
export function readConfig(env: Environment, baseDir: string): Config {
  const problems: string[] = [];
  const read = <T>(name: string, fallback: T, parse: (text: string) => T | null, mustBe: string): T => {
    const text = env[name]?.trim();
    if (text === undefined || text === "") return fallback;
    const value = parse(text);
    if (value !== null) return value;
    problems.push(SECRET.has(name) ? `${name} must be ${mustBe}.` : `${name} must be ${mustBe}, but is "${text}".`);
    return fallback;
  };
  const text = (name: string, fallback: string) => read(name, fallback, (given) => given, "text");
  const whole = (name: string, fallback: number, most: number) =>
    read(name, fallback, (given) => parseWhole(given, most), `a whole number from 0 to ${most}`);
  const span = (name: string, fallback: SpanMs) =>
    read(name, fallback, parseSpan, "one or two whole numbers of milliseconds, such as 200 or 50-250");

  const config: Config = {
    host: text("HOST", "127.0.0.1"),
    backendPort: whole("PORT", 3000, 65_535),
    workersPort: whole("WORKERS_PORT", 3004, 65_535),
    dataDir: resolve(baseDir, text("DATA_DIR", "data")),
    apiKey: read("API_KEY", null, parseKey, "at least 16 characters without spaces"),
    logLevel: read("LOG_LEVEL", "info", parseLevel, `one of ${LOG_LEVELS.join(", ")}`),
    messagesPerMinute: whole("MESSAGES_PER_MINUTE", 30, 1_000_000),
    receiptWindowMs: whole("RECEIPT_WINDOW_HOURS", 24, 8_760) * 3_600_000,
    webhooksToPrivateAddresses: read("WEBHOOKS_TO_PRIVATE_ADDRESSES", false, parseBoolean, "true or false"),
    simulator: {
      seed: whole("SIMULATOR_SEED", 1, 2 ** 31),
      latency: span("SIMULATOR_LATENCY_MS", { fromMs: 50, toMs: 250 }),
      deliveredAfter: span("SIMULATOR_DELIVERED_AFTER_MS", { fromMs: 300, toMs: 2_000 }),
      readAfter: span("SIMULATOR_READ_AFTER_MS", { fromMs: 120_000, toMs: 900_000 }),
    },
  };
  if (!isLoopback(config.host) && config.apiKey === null) {
    problems.push(`HOST is ${config.host}, which others can reach: set API_KEY, so that only those who know it can call.`);
  }
  for (const name of ["MONGODB_URL", "KAFKA_BROKERS"]) {
    if (env[name]) problems.push(`${name} is set, but this version only has the embedded engines: unset it.`);
  }
  if (problems.length > 0) throw new AppError("CONFIGURATION", problems.join("\n"), { retryable: false });
  return config;
}

function parseWhole(text: string, most: number): number | null {
  const value = Number(text);
  return /^\d+$/.test(text) && value <= most ? value : null;
}

function parseBoolean(text: string): boolean | null {
  return text === "true" ? true : text === "false" ? false : null;
}

function parseSpan(text: string): SpanMs | null {
  const [, from, to = from] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text) ?? [];
  if (from === undefined) return null;
  const span = { fromMs: Number(from), toMs: Number(to) };
  return span.fromMs <= span.toMs ? span : null;
}

function parseKey(text: string): string | null {
  return text.length >= 16 && !/\s/.test(text) ? text : null;
}

function parseLevel(text: string): LogLevel | null {
  return LOG_LEVELS.find((level) => level === text) ?? null;
}

/** Tells whether only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
