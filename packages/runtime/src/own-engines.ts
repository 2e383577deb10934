/** Owns a database and topics for a while, on the servers that settings name: for drills and tests, which take them away again. */
import { randomBytes } from "node:crypto";
import { withDatabase } from "@mini-crm/adapters/mongo/url";
import { readConfig } from "./config.ts";
import { removeEngines } from "./engines.ts";

type Settings = Readonly<Record<string, string>>;

export interface OwnEngines {
  /** The settings under which Mini CRM uses them; none where it is to use what it brings along. */
  settings: Settings;
  /** Which engines these are, as `/health` tells it. */
  names: { database: string; eventBus: string };
  /** Takes the database and the topics away with all that is in them; nothing may use them any more. */
  remove(): Promise<void>;
}

const ACCESS = ["MONGODB_URL", "KAFKA_BROKERS", "KAFKA_SSL", "KAFKA_USERNAME", "KAFKA_PASSWORD", "KAFKA_SASL_MECHANISM"] as const;

/** Names a database and topics that nobody else has, on the servers in `env`; they come into being when they are used. */
export function ownEngines(env: Readonly<Record<string, string | undefined>> = process.env): OwnEngines {
  const name = `mini_crm_own_${randomBytes(6).toString("hex")}`;
  const settings: Record<string, string> = {};
  for (const setting of ACCESS) {
    const value = env[setting];
    if (value !== undefined && value !== "") settings[setting] = value;
  }
  const { MONGODB_URL: url, KAFKA_BROKERS: brokers } = settings;
  if (url !== undefined) settings["MONGODB_URL"] = withDatabase(url, name);
  if (brokers !== undefined) settings["KAFKA_PREFIX"] = `${name}.`;
  return {
    settings,
    names: { database: url === undefined ? "sqlite" : "mongodb", eventBus: brokers === undefined ? "embedded" : "kafka" },
    remove: () => removeEngines(readConfig(settings, "/")),
  };
}
