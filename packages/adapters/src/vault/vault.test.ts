import { randomBytes } from "node:crypto";
import { AppError } from "@mini-crm/core/app-error";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createVault } from "./vault.ts";

const vault = createVault(randomBytes(32));

test("whatever is sealed is opened as it was, for its purpose", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (plain, purpose) => {
      expect(vault.open(vault.seal(plain, purpose), purpose)).toBe(plain);
    }),
  );
});

test("the same text is sealed differently each time, and cannot be read in it", () => {
  const [first, second] = [vault.seal("EAAG-a-token", "channel a"), vault.seal("EAAG-a-token", "channel a")];
  expect(first).not.toBe(second);
  for (const sealed of [first, second]) {
    expect(sealed).toMatch(/^v1\.[\w-]+$/);
    expect(Buffer.from(sealed.slice(3), "base64url").toString("latin1")).not.toContain("EAAG");
  }
});

test("another key does not open it, and is told which setting to check", () => {
  const sealed = createVault(randomBytes(32)).seal("secret", "channel a");
  expect(() => vault.open(sealed, "channel a")).toThrow(AppError);
  expect(() => vault.open(sealed, "channel a")).toThrow(/channel a.*SECRETS_KEY.*secrets\.key in DATA_DIR/);
});

test("what was sealed for one purpose cannot be passed off as another's", () => {
  expect(() => vault.open(vault.seal("secret", "channel a"), "channel b")).toThrow(AppError);
});

test("a change anywhere is noticed", () => {
  const sealed = vault.seal("secret", "channel a");
  const bytes = Buffer.from(sealed.slice(3), "base64url");
  for (let index = 0; index < bytes.length; index += 1) {
    const changed = Buffer.from(bytes);
    changed[index] = (changed[index] ?? 0) ^ 1;
    expect(() => vault.open(`v1.${changed.toString("base64url")}`, "channel a")).toThrow(AppError);
  }
  for (const text of ["", "v1.", sealed.slice(0, 20), sealed.replace("v1.", "v2."), "plain text"]) {
    expect(() => vault.open(text, "channel a")).toThrow(AppError);
  }
});

test("a key of another length is a bug", () => {
  expect(() => createVault(randomBytes(16))).toThrow("32 bytes");
});
