/** Owns where the key comes from that secrets are sealed with, and what the secrets of a channel are sealed as. */
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { createVault } from "@mini-crm/adapters/vault/vault";
import { AppError } from "@mini-crm/core/app-error";
import type { Channel, CloudSecrets } from "@mini-crm/core/channel/channel";
import type { Vault } from "@mini-crm/core/ports/vault";
import { type Config, parseSecretsKey } from "./config.ts";

const KEY_BYTES = 32;

/**
 * The vault of this installation. Its key is SECRETS_KEY, else what the file `secrets.key` in the data folder holds, which is made
 * when something is first sealed or opened. Both verbs throw an `AppError` where that file cannot be used.
 */
export function openVault({ secretsKey, dataDir }: Pick<Config, "secretsKey" | "dataDir">): Vault {
  let opened: Vault | null = null;
  const vault = (): Vault => {
    opened ??= createVault(Buffer.from(secretsKey ?? keyIn(join(dataDir, "secrets.key")), "hex"));
    return opened;
  };
  return {
    seal: (plain, purpose) => vault().seal(plain, purpose),
    open: (sealed, purpose) => vault().open(sealed, purpose),
  };
}

export function sealCloudSecrets(vault: Vault, channelId: string, secrets: CloudSecrets): string {
  return vault.seal(JSON.stringify(secrets), purposeOf(channelId));
}

/** The secrets of a Cloud API channel; throws an `AppError` where they cannot be opened. */
export function openCloudSecrets(vault: Vault, { _id, secrets }: Pick<Channel, "_id" | "secrets">): CloudSecrets {
  if (secrets === null) throw new Error(`Channel ${_id} has no secrets`);
  return JSON.parse(vault.open(secrets, purposeOf(_id))) as CloudSecrets;
}

function purposeOf(channelId: string): string {
  return `channel ${channelId}`;
}

/** What `file` holds, in hexadecimal digits; makes it where it is not there. */
function keyIn(file: string): string {
  try {
    if (!existsSync(file)) makeKey(file);
    const key = parseSecretsKey(readFileSync(file, "utf8").trim());
    if (key !== null) return key;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw unusable(`The key for secrets in ${file} cannot be read or made (${reason})`, cause);
  }
  throw unusable(`The key for secrets in ${file} is not 64 hexadecimal digits`);
}

function unusable(what: string, cause?: unknown): AppError {
  const message = `${what}: put that right, or set SECRETS_KEY.`;
  return new AppError("CONFIGURATION", message, { retryable: false, cause });
}

/**
 * Makes `file` with a new key, for nobody else to read; one that another process has made meanwhile stays. It gets its name only
 * when all of it is on the disk, so that nobody ever reads a part, and nothing is sealed with a key that a power cut takes away.
 */
function makeKey(file: string): void {
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true });
  const draft = `${file}.${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    onDisk(openSync(draft, "wx", 0o600), `${randomBytes(KEY_BYTES).toString("hex")}\n`);
    linkSync(draft, file);
    onDisk(openSync(folder, "r"), "");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function onDisk(opened: number, text: string): void {
  try {
    if (text !== "") writeSync(opened, text);
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}
