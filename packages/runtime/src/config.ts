/** Owns the configuration: every setting with its meaning, default and check, read from the environment once. */
import { resolve } from "node:path";
import { AppError } from "@mini-crm/core/app-error";
import { LOG_LEVELS, type LogLevel } from "./log.ts";

/** A span of milliseconds from which the simulator draws. */
export interface SpanMs {
  fromMs: number;
  toMs: number;
}

export const SASL_MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

export interface KafkaConfig {
  /** `host:port` each; one that answers is enough to find the others. */
  brokers: string[];
  ssl: boolean;
  /** Null where the brokers ask for none. */
  credentials: { mechanism: SaslMechanism; username: string; password: string } | null;
  /** How many partitions a topic gets that is not there yet. */
  partitions: number;
  /** On how many brokers each partition lies of a topic that is not there yet; null leaves it to the cluster. */
  replicas: number | null;
  /** Stands before every topic and group, so that several installations can share a cluster. */
  prefix: string;
}

export interface Config {
  /** The address that both servers listen on. */
  host: string;
  backendPort: number;
  workersPort: number;
  /** Where the twin of the Cloud API listens, when it is asked for. */
  twinPort: number;
  /** The folder that holds everything there is to keep; absolute. */
  dataDir: string;
  /** The MongoDB that holds everything but events and the simulator's outbox; null keeps it in SQLite, in `dataDir`. */
  mongodbUrl: string | null;
  /** The Kafka that holds the events; null keeps them in SQLite, in `dataDir`. */
  kafka: KafkaConfig | null;
  /** Null lets everybody on this machine call. */
  apiKey: string | null;
  /** What secrets are sealed with, 64 hexadecimal digits; null: a key that is made and kept in `dataDir`. */
  secretsKey: string | null;
  /** Where others reach the backend, without a slash at the end; null: as whoever asks has called it. */
  publicUrl: string | null;
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
const SECRET: ReadonlySet<string> = new Set(["API_KEY", "SECRETS_KEY", "MONGODB_URL", "KAFKA_PASSWORD"]);

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

  const config: Omit<Config, "kafka"> = {
    host: text("HOST", "127.0.0.1"),
    backendPort: whole("PORT", 3000, 65_535),
    workersPort: whole("WORKERS_PORT", 3004, 65_535),
    twinPort: whole("TWIN_PORT", 3010, 65_535),
    dataDir: resolve(baseDir, text("DATA_DIR", "data")),
    mongodbUrl: read("MONGODB_URL", null, parseMongoUrl, "a MongoDB URL, such as mongodb://127.0.0.1:27017/mini_crm"),
    apiKey: read("API_KEY", null, parseKey, "at least 16 characters without spaces"),
    secretsKey: read("SECRETS_KEY", null, parseSecretsKey, "64 hexadecimal digits, such as `openssl rand -hex 32` makes"),
    publicUrl: read("PUBLIC_URL", null, parsePublicUrl, "a whole address such as https://crm.example.com"),
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
  const brokers = read("KAFKA_BROKERS", null, parseBrokers, "host:port, or several of them with commas in between");
  const [username, password] = [text("KAFKA_USERNAME", ""), read("KAFKA_PASSWORD", "", (given) => given, "text")];
  const mechanism = read("KAFKA_SASL_MECHANISM", "PLAIN", parseMechanism, `one of ${SASL_MECHANISMS.join(", ")}`);
  if ((username === "") !== (password === "")) problems.push("KAFKA_USERNAME and KAFKA_PASSWORD must be set together.");
  const kafka: KafkaConfig | null = brokers && {
    brokers,
    ssl: read("KAFKA_SSL", false, parseBoolean, "true or false"),
    credentials: username === "" ? null : { mechanism, username, password },
    partitions: read("KAFKA_PARTITIONS", 6, parsePartitions, "a whole number from 1 to 1000"),
    replicas: read("KAFKA_REPLICAS", null, parseReplicas, "a whole number from 1 to 10"),
    prefix: read("KAFKA_PREFIX", "", parsePrefix, "letters, digits, dots, dashes and underscores, at most 100"),
  };
  if (problems.length > 0) throw new AppError("CONFIGURATION", problems.join("\n"), { retryable: false });
  return { ...config, kafka };
}

function parseWhole(text: string, most: number): number | null {
  const value = Number(text);
  return /^\d+$/.test(text) && value <= most ? value : null;
}

function parseMongoUrl(text: string): string | null {
  return /^mongodb(\+srv)?:\/\/[^/\s]+(\/\S*)?$/.test(text) ? text : null;
}

function parseBrokers(text: string): string[] | null {
  const brokers = text.split(",").map((broker) => broker.trim());
  return brokers.every((broker) => /^[^\s:/]+:\d{1,5}$/.test(broker)) ? brokers : null;
}

function parsePartitions(text: string): number | null {
  return fromOne(parseWhole(text, 1_000));
}

function parseReplicas(text: string): number | null {
  return fromOne(parseWhole(text, 10));
}

function fromOne(value: number | null): number | null {
  return value === 0 ? null : value;
}

function parsePrefix(text: string): string | null {
  return /^[\w.-]{1,100}$/.test(text) ? text : null;
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

export function parseSecretsKey(text: string): string | null {
  return /^[0-9a-f]{64}$/i.test(text) ? text : null;
}

function parsePublicUrl(text: string): string | null {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "" || url.hash !== "") return null;
  return url.href.replace(/\/+$/, "");
}

function parseMechanism(text: string): SaslMechanism | null {
  return SASL_MECHANISMS.find((mechanism) => mechanism === text) ?? null;
}

function parseLevel(text: string): LogLevel | null {
  return LOG_LEVELS.find((level) => level === text) ?? null;
}

/** Tells whether only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
