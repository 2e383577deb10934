import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { AppError } from "@mini-crm/core/app-error";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openCloudSecrets, openVault, sealCloudSecrets } from "./vault.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "mini-crm-vault-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const keyFile = () => join(dataDir, "secrets.key");
const KEY = "0f".repeat(32);

test("without a setting the key is made when it is first needed, and nobody else may read it", () => {
  const vault = openVault({ secretsKey: null, dataDir });
  expect(readdirSync(dataDir)).toEqual([]);
  const sealed = vault.seal("secret", "a test");
  expect(readdirSync(dataDir)).toEqual(["secrets.key"]);
  expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
  expect(readFileSync(keyFile(), "utf8")).toMatch(/^[0-9a-f]{64}\n$/);
  expect(openVault({ secretsKey: null, dataDir }).open(sealed, "a test")).toBe("secret");
});

test("with SECRETS_KEY no file is needed", () => {
  const sealed = openVault({ secretsKey: KEY, dataDir }).seal("secret", "a test");
  expect(readdirSync(dataDir)).toEqual([]);
  expect(openVault({ secretsKey: KEY, dataDir }).open(sealed, "a test")).toBe("secret");
});

test("what was sealed with another key is refused, with the setting to check", () => {
  const sealed = openVault({ secretsKey: KEY, dataDir }).seal("secret", "a test");
  expect(() => openVault({ secretsKey: null, dataDir }).open(sealed, "a test")).toThrow(AppError);
  expect(() => openVault({ secretsKey: null, dataDir }).open(sealed, "a test")).toThrow(/SECRETS_KEY/);
});

test.each(["", "short", `${KEY}00`, "x".repeat(64)])("a file that holds %j is refused, and left as it is", (content) => {
  writeFileSync(keyFile(), content);
  expect(() => openVault({ secretsKey: null, dataDir }).seal("secret", "a test")).toThrow(/64 hexadecimal digits.*SECRETS_KEY/);
  expect(readFileSync(keyFile(), "utf8")).toBe(content);
});

test("a data folder that cannot hold it is told in words", () => {
  writeFileSync(join(dataDir, "file"), "");
  const vault = openVault({ secretsKey: null, dataDir: join(dataDir, "file") });
  expect(() => vault.seal("secret", "a test")).toThrow(/secrets\.key cannot be read or made.*SECRETS_KEY/);
});

test("processes that need it at once agree on one key", async () => {
  const module = JSON.stringify(new URL("./vault.ts", import.meta.url).href);
  const script = `const { openVault } = await import(${module});
    process.stdin.once("data", () => {
      process.stdout.end(openVault({ secretsKey: null, dataDir: process.argv[1] }).seal("secret", "a test"));
      process.stdin.unref();
    });
    process.stdout.write("ready\\n");`;
  const processes = [1, 2, 3, 4].map(() => spawn(process.execPath, ["--input-type=module", "-e", script, dataDir]));
  const outputs = processes.map(({ stdout }) => createInterface(stdout)[Symbol.asyncIterator]());
  for (const output of outputs) expect((await output.next()).value).toBe("ready");
  for (const { stdin } of processes) stdin.end("go");
  const vault = openVault({ secretsKey: null, dataDir });
  for (const output of outputs) expect(vault.open(String((await output.next()).value), "a test")).toBe("secret");
  expect(readdirSync(dataDir)).toEqual(["secrets.key"]);
});

test("a channel's secrets are opened for that channel only", () => {
  const vault = openVault({ secretsKey: KEY, dataDir });
  const secrets = { access_token: "EAAG", app_secret: "shh", verify_token: "hello" };
  const sealed = sealCloudSecrets(vault, "shop", secrets);
  expect(openCloudSecrets(vault, { _id: "shop", secrets: sealed })).toEqual(secrets);
  expect(() => openCloudSecrets(vault, { _id: "other", secrets: sealed })).toThrow(/channel other/);
});
