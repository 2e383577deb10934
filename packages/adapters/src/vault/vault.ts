/** Owns how secrets are sealed: AES-256-GCM under one key, each with a nonce of its own and bound to its purpose. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { AppError } from "@mini-crm/core/app-error";
import type { Vault } from "@mini-crm/core/ports/vault";

const CIPHER = "aes-256-gcm";
/** What sealed text begins with, so that another way of sealing can tell its own from this. */
const VERSION = "v1.";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Sealed text is `v1.` and base64url: the nonce, the tag, and what was encrypted. `key` has 32 bytes. */
export function createVault(key: Uint8Array): Vault {
  if (key.byteLength !== KEY_BYTES) throw new Error(`A vault's key has ${KEY_BYTES} bytes, not ${key.byteLength}`);
  return {
    seal(plain, purpose) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(purpose));
      const encrypted = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
      return VERSION + Buffer.concat([nonce, cipher.getAuthTag(), encrypted]).toString("base64url");
    },

    open(sealed, purpose) {
      const bytes = Buffer.from(sealed.slice(VERSION.length), "base64url");
      if (!sealed.startsWith(VERSION) || bytes.length < NONCE_BYTES + TAG_BYTES) throw cannotBeOpened(purpose);
      const nonce = bytes.subarray(0, NONCE_BYTES);
      const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
      const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(purpose)).setAuthTag(tag);
      try {
        const encrypted = bytes.subarray(NONCE_BYTES + TAG_BYTES);
        return Buffer.concat([decipher.update(encrypted), decipher.final()]).toString("utf8");
      } catch (cause) {
        throw cannotBeOpened(purpose, cause);
      }
    },
  };
}

/** The cipher does not tell a wrong key from text that was changed; the first is what happens. */
function cannotBeOpened(purpose: string, cause?: unknown): AppError {
  const message = [
    `The secrets of ${purpose} cannot be opened: they were sealed with another key.`,
    "Check SECRETS_KEY, or where that is not set the file secrets.key in DATA_DIR; where that key is lost, enter the secrets again.",
  ].join(" ");
  return new AppError("CONFIGURATION", message, { retryable: false, cause });
}
