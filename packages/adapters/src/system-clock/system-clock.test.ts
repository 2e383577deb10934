import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test, vi } from "vitest";
import { systemClock } from "./system-clock.ts";

const module = fileURLToPath(new URL("./system-clock.ts", import.meta.url));

test("now is the machine's time", () => {
  const before = Date.now();
  const now = systemClock().now();
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(Date.now());
});

test("a scheduled task runs once its time has come, and not when it is called off", async () => {
  const clock = systemClock();
  const ran: string[] = [];
  const cancel = clock.schedule(1, () => ran.push("called off"));
  clock.schedule(10, () => ran.push("kept"));
  cancel();
  await vi.waitFor(() => expect(ran).toEqual(["kept"]));
});

test("sleep lasts as long as it was asked to", async () => {
  const before = performance.now();
  await systemClock().sleep(20);
  // Node rounds timers to the millisecond.
  expect(performance.now() - before).toBeGreaterThanOrEqual(19);
});

test("sleep ends at once when its signal aborts", async () => {
  const abort = new AbortController();
  const slept = systemClock().sleep(60_000, abort.signal);
  abort.abort();
  await expect(slept).resolves.toBeUndefined();
  await expect(systemClock().sleep(60_000, abort.signal)).resolves.toBeUndefined();
});

test("a wait longer than Node's timers hold does not end early", async () => {
  vi.useFakeTimers();
  try {
    let ran = false;
    const dayMs = 86_400_000;
    systemClock().schedule(60 * dayMs, () => {
      ran = true;
    });
    vi.advanceTimersByTime(60 * dayMs - 1);
    expect(ran).toBe(false);
    vi.advanceTimersByTime(1);
    expect(ran).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});

test("a moment that has passed has come, and is nothing to warn of", async () => {
  const program = `
    import { systemClock } from ${JSON.stringify(module)};
    const waiting = setTimeout(() => {}, 10_000);
    await systemClock().sleep(-25);
    clearTimeout(waiting);
    console.log("went on");`;
  const run = promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], { timeout: 20_000 });
  expect(await run).toEqual({ stdout: "went on\n", stderr: "" });
});

test("waiting timers keep no process alive", async () => {
  const program = `
    import { systemClock } from ${JSON.stringify(module)};
    systemClock().schedule(60_000, () => {});
    void systemClock().sleep(60_000);
    console.log("ended by itself");`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], { timeout: 20_000 });
  expect(stdout).toBe("ended by itself\n");
});

test("chance is in [0, 1)", () => {
  const number = systemClock().random();
  expect(number).toBeGreaterThanOrEqual(0);
  expect(number).toBeLessThan(1);
});
