import { afterAll, expect, test } from "vitest";
import { loadBaileys } from "./load-baileys.ts";

const { info, warn, error } = console;
const lines: unknown[][] = [];
const keep = (...values: unknown[]) => {
  lines.push(values);
};
Object.assign(console, { info: keep, warn: keep, error: keep });
afterAll(() => {
  Object.assign(console, { info, warn, error });
});

test("it is loaded where it is installed, and its sessions with their keys are not written to the console", async () => {
  expect((await loadBaileys())?.makeWASocket).toBeTypeOf("function");
  await loadBaileys();
  console.info("Closing session:", { currentRatchet: "a key" });
  console.warn("Session already closed", { currentRatchet: "a key" });
  console.error("Session error:Bad MAC");
  expect(lines).toEqual([]);
  console.error("Something else", 1);
  expect(lines).toEqual([["Something else", 1]]);
});

test("where it is not installed there is none; what else goes wrong is told", async () => {
  const missing = Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
  expect(await loadBaileys(() => Promise.reject(missing))).toBeNull();
  await expect(loadBaileys(() => Promise.reject(new SyntaxError("broken")))).rejects.toThrow("broken");
});
