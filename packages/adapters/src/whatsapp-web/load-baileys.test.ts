import { afterEach, beforeEach, expect, test } from "vitest";
import { loadBaileys } from "./load-baileys.ts";

const { info, warn, error } = console;
let lines: unknown[][];
beforeEach(() => {
  lines = [];
});
afterEach(() => {
  Object.assign(console, { info, warn, error });
});

test("it is loaded where it is installed", async () => {
  expect((await loadBaileys())?.makeWASocket).toBeTypeOf("function");
});

test("where it is not installed there is none; what else goes wrong is told", async () => {
  const missing = Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
  expect(await loadBaileys(() => Promise.reject(missing))).toBeNull();
  await expect(loadBaileys(() => Promise.reject(new SyntaxError("broken")))).rejects.toThrow("broken");
});
