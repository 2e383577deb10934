import { AppError } from "@mini-crm/core/app-error";
import { describe, expect, test } from "vitest";
import { isLoopback, readConfig } from "./config.ts";

const read = (env: Record<string, string>) => readConfig(env, "/srv/mini-crm");

test("without any setting it is the documented default", () => {
  expect(read({})).toMatchObject({
    host: "127.0.0.1",
    backendPort: 3000,
    workersPort: 3004,
    dataDir: "/srv/mini-crm/data",
    apiKey: null,
    messagesPerMinute: 30,
    receiptWindowMs: 86_400_000,
    webhooksToPrivateAddresses: false,
  });
});

test("settings are read with their units, and blank ones count as absent", () => {
  expect(
    read({ PORT: " 8080 ", DATA_DIR: "/var/crm", SIMULATOR_LATENCY_MS: "200", SIMULATOR_READ_AFTER_MS: "5-10", API_KEY: "" }),
  ).toMatchObject({
    backendPort: 8080,
    dataDir: "/var/crm",
    apiKey: null,
    simulator: { latency: { fromMs: 200, toMs: 200 }, readAfter: { fromMs: 5, toMs: 10 } },
  });
});

describe("a setting that is wrong", () => {
  test.each([
    ["PORT", "65536"],
    ["PORT", "1e3"],
    ["WORKERS_PORT", "-1"],
    ["MESSAGES_PER_MINUTE", "30.5"],
    ["LOG_LEVEL", "verbose"],
    ["WEBHOOKS_TO_PRIVATE_ADDRESSES", "yes"],
    ["SIMULATOR_LATENCY_MS", "250-50"],
    ["SIMULATOR_LATENCY_MS", "soon"],
    ["SECRETS_KEY", "abc"],
    ["SECRETS_KEY", "g".repeat(64)],
    ["PUBLIC_URL", "crm.example.com"],
    ["PUBLIC_URL", "ftp://crm.example.com"],
    ["PUBLIC_URL", "https://crm.example.com/?a=b"],
    ["API_KEY", "short"],
    ["API_KEY", "has spaces in the middle of it"],
  ])("%s=%s is refused by name", (name, value) => {
    expect(() => read({ [name]: value })).toThrow(AppError);
    expect(() => read({ [name]: value })).toThrow(new RegExp(`^${name} must be `));
  });

  test("comes together with all others that are wrong", () => {
    expect(() => read({ PORT: "x", WORKERS_PORT: "y" })).toThrow(/PORT must be[^]*\nWORKERS_PORT must be/);
  });

  test("never shows the key that was refused", () => {
    expect(() => read({ API_KEY: "my secret key" })).toThrow(/^((?!my secret key)[^])*$/);
    expect(() => read({ SECRETS_KEY: "my secret key" })).toThrow(/^((?!my secret key)[^])*$/);
  });
});

test("secrets have a key of this installation unless one is set, and the address of others is as they call it", () => {
  expect(read({})).toMatchObject({ secretsKey: null, publicUrl: null });
  const secretsKey = "0F".repeat(32);
  expect(read({ SECRETS_KEY: secretsKey, PUBLIC_URL: "https://crm.example.com/" })).toMatchObject({
    secretsKey,
    publicUrl: "https://crm.example.com",
  });
  expect(read({ PUBLIC_URL: "https://example.com/crm/" }).publicUrl).toBe("https://example.com/crm");
});

test("an address that others can reach needs a key", () => {
  expect(() => read({ HOST: "0.0.0.0" })).toThrow(/set API_KEY/);
  expect(() => read({ HOST: "0.0.0.0", API_KEY: "" })).toThrow(/set API_KEY/);
  expect(read({ HOST: "0.0.0.0", API_KEY: "0123456789abcdef" })).toMatchObject({ host: "0.0.0.0", apiKey: "0123456789abcdef" });
});

test.each([
  ["127.0.0.1", true],
  ["127.1.2.3", true],
  ["localhost", true],
  ["::1", true],
  ["0.0.0.0", false],
  ["::", false],
  ["192.168.1.5", false],
  ["127.evil.example", false],
])("%s is only reachable from this machine: %s", (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

describe("the engines", () => {
  test("are SQLite's where nothing else is said", () => {
    expect(read({})).toMatchObject({ mongodbUrl: null, kafka: null });
  });

  test("are chosen each on its own", () => {
    expect(read({ MONGODB_URL: "mongodb://db:27017/crm?replicaSet=rs0" })).toMatchObject({
      mongodbUrl: "mongodb://db:27017/crm?replicaSet=rs0",
      kafka: null,
    });
    expect(
      read({ KAFKA_BROKERS: "a:9092, b:9093", KAFKA_USERNAME: "crm", KAFKA_PASSWORD: "secret", KAFKA_SSL: "true" }),
    ).toMatchObject({
      mongodbUrl: null,
      kafka: {
        brokers: ["a:9092", "b:9093"],
        ssl: true,
        credentials: { mechanism: "PLAIN", username: "crm", password: "secret" },
        partitions: 6,
        replicas: null,
        prefix: "",
      },
    });
  });

  test.each([
    ["MONGODB_URL", "localhost:27017"],
    ["KAFKA_BROKERS", "localhost"],
    ["KAFKA_PARTITIONS", "0"],
    ["KAFKA_REPLICAS", "0"],
    ["KAFKA_PREFIX", "a b"],
    ["KAFKA_SSL", "1"],
    ["KAFKA_SASL_MECHANISM", "GSSAPI"],
  ])("%s=%s is refused by name", (name, value) => {
    expect(() => read({ KAFKA_BROKERS: "a:9092", [name]: value })).toThrow(new RegExp(`^${name} must be `));
  });

  test("never show a password that was refused", () => {
    expect(() => read({ MONGODB_URL: "mongo://crm:secret@db" })).toThrow(/^((?!secret)[^])*$/);
    expect(() => read({ KAFKA_BROKERS: "a:1", KAFKA_PASSWORD: "secret" })).toThrow(
      /KAFKA_USERNAME and KAFKA_PASSWORD must be set together/,
    );
  });
});
