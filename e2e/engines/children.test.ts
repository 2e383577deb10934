/** Owns the tests of child processes that must not stay behind. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { pathToFileURL } from "node:url";
import { expect, test, vi } from "vitest";
import { run } from "./children.ts";

const CHILDREN = pathToFileURL(`${import.meta.dirname}/children.ts`).href;

/** Starts a process that starts a child, which has a child itself; answers both, the latter by the number of its group. */
async function startParent() {
  const code = `
    import { startChild } from "${CHILDREN}";
    const child = await startChild("sh", ["-c", "sleep 300; true"], "ignore");
    console.log(child.pid);
  `;
  const parent = spawn(process.execPath, ["--input-type=module", "--eval", code], { stdio: ["ignore", "pipe", "inherit"] });
  const [printed]: Buffer[] = await once(parent.stdout, "data");
  return { parent, group: Number(printed?.toString()) };
}

/** Whether any process of the group is there. */
function isThere(group: number): boolean {
  try {
    return process.kill(-group, 0);
  } catch {
    return false;
  }
}

test("a child and its own children end when the process that started it is killed", async () => {
  const { parent, group } = await startParent();
  expect(isThere(group)).toBe(true);
  parent.kill("SIGKILL");
  await vi.waitUntil(() => !isThere(group), 10_000);
});

test("a command that fails says what it printed last", async () => {
  await expect(run("sh", ["-c", "echo one; echo two >&2; exit 3"], 5_000)).rejects.toThrow(/failed: one\n+two$/);
});

test("a command that takes too long is ended, and says so", async () => {
  await expect(run("sleep", ["300"], 100)).rejects.toThrow("`sleep 300` did not end within 0.1 s");
});

test("a command that is not there is said to be missing", async () => {
  await expect(run("no-such-program", [], 5_000)).rejects.toThrow("no-such-program is not installed");
});
