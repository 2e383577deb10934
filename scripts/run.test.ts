/** Starts small clones through run.mjs, with a stand-in for npm: what it installs, passes on and ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";

const started: ChildProcess[] = [];
const temporary: string[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  for (const folder of temporary.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const lockfile = JSON.stringify({ packages: { "": {}, "node_modules/a": { version: "1.0.0" } } });

/** Ends with 7, in its own time, on any signal that a service is stopped with. */
const service = `
  let signals = 0;
  const close = (signal: string) => {
    console.log("heard", signal, ++signals);
    setTimeout(() => process.exit(7), 300);
  };
  process.on("SIGINT", close).on("SIGTERM", close);
  setInterval(() => {}, 1000);
  console.log("up");
`;

/** A fresh clone of `files`, in which nothing is installed. Its npm installs in 0.3 s, or fails with `failure`. */
function freshClone(files: Record<string, string>, failure = "") {
  const folder = mkdtempSync(join(tmpdir(), "mini-crm-run-"));
  temporary.push(folder);
  cpSync(import.meta.dirname, join(folder, "scripts"), { recursive: true });
  for (const name of ["backend", "cli", "packages", "workers", "bin"]) mkdirSync(join(folder, name));
  const npm = `#!/bin/sh
    echo "$@" >> npm.log
    ${failure && `echo "${failure}"; exit 1`}
    sleep 0.3
    mkdir -p node_modules/node/bin
    ln -sf ${process.execPath} node_modules/node/bin/node
    cp package-lock.json node_modules/.package-lock.json`;
  const all = { "package-lock.json": lockfile, "package.json": '{ "type": "module" }', "bin/npm": npm, ...files };
  for (const [path, content] of Object.entries(all)) write(folder, path, content);
  chmodSync(join(folder, "bin/npm"), 0o755);
  return folder;
}

function write(folder: string, path: string, content: string) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}

function installedClone(files: Record<string, string>) {
  const folder = freshClone(files);
  write(folder, "node_modules/.package-lock.json", lockfile);
  mkdirSync(join(folder, "node_modules/node/bin"), { recursive: true });
  symlinkSync(process.execPath, join(folder, "node_modules/node/bin/node"));
  return folder;
}

function run(folder: string, ...args: string[]) {
  const env = { PATH: `${join(folder, "bin")}:/usr/bin:/bin` };
  const child = spawn(process.execPath, [join(folder, "scripts/run.mjs"), ...args], { cwd: tmpdir(), env });
  started.push(child);
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  const ended = once(child, "close").then(() => ({ code: child.exitCode, signal: child.signalCode, printed }));
  return { child, ended, said: (pattern: RegExp) => said(child, () => printed, pattern) };
}

/** Resolves with what `pattern` matched as soon as it was printed. */
async function said(child: ChildProcess, printed: () => string, pattern: RegExp) {
  for (;;) {
    const match = pattern.exec(printed());
    if (match) return match;
    if (child.exitCode !== null) throw new Error(`ended without ${pattern}: ${printed()}`);
    await Promise.race([once(child.stdout ?? child, "data"), once(child.stderr ?? child, "data"), once(child, "close")]);
  }
}

const npmCalls = (folder: string) => readFileSync(join(folder, "npm.log"), "utf8").trim().split("\n");

describe("installing", () => {
  test("happens before the first run, once, however many are started, and npm's own words stay away", async () => {
    const folder = freshClone({ "cli/src/main.ts": "console.log('ran');" });
    const runs = await Promise.all([1, 2, 3].map(() => run(folder, "cli/src/main.ts").ended));
    expect(npmCalls(folder)).toEqual([expect.stringMatching(/^ci /)]);
    for (const { code, printed } of runs) expect([code, printed]).toEqual([0, expect.stringMatching(/^(mini-crm: .*\n)?ran\n$/)]);
    expect(existsSync(join(folder, ".install-lock"))).toBe(false);
  });

  test("happens again when the lockfile has changed, and not otherwise", async () => {
    const folder = installedClone({});
    await run(folder).ended;
    expect(existsSync(join(folder, "npm.log"))).toBe(false);
    write(folder, "package-lock.json", lockfile.replace("1.0.0", "1.0.1"));
    expect(await run(folder).ended).toMatchObject({ code: 0 });
    expect(npmCalls(folder)).toHaveLength(1);
  });

  test("takes over the lock of a process that is gone", async () => {
    const folder = freshClone({});
    write(folder, ".install-lock/4194305", "");
    expect(await run(folder).ended).toMatchObject({ code: 0 });
  });

  test("says what to do when npm fails, and shows why", async () => {
    const failed = await run(freshClone({}, "npm error code EAI_AGAIN"), "cli/src/main.ts").ended;
    expect(failed).toMatchObject({ code: 1, printed: expect.stringMatching(/error code EAI_AGAIN\n+npm could not reach/) });
  });

  test("that is stopped leaves no lock", async () => {
    const folder = freshClone({});
    const stopped = run(folder);
    await stopped.said(/installing/);
    stopped.child.kill("SIGTERM");
    expect(await stopped.ended).toMatchObject({ code: 143 });
    expect(existsSync(join(folder, ".install-lock"))).toBe(false);
  });
});

describe("running", () => {
  test("starts the file in the root with its arguments and ends with its exit code", async () => {
    const main = "const code: number = 5; console.log(process.cwd(), process.argv.slice(2)); process.exit(code);";
    const folder = installedClone({ "cli/src/main.ts": main });
    const { code, printed } = await run(folder, "cli/src/main.ts", "a", "--b").ended;
    expect([code, printed]).toEqual([5, `${folder} [ 'a', '--b' ]\n`]);
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "passes %s on once, however often it comes, and waits for the end",
    async (signal) => {
      const running = run(installedClone({ "cli/src/main.ts": service }), "cli/src/main.ts");
      await running.said(/up/);
      for (let time = 0; time < 3; time++) running.child.kill(signal);
      const { code, printed } = await running.ended;
      expect([code, printed.match(/heard.*/g)]).toEqual([7, [`heard ${signal} 1`]]);
    },
  );

  test("counts an end by a signal as a shell does", async () => {
    const folder = installedClone({ "cli/src/main.ts": "process.kill(process.pid, 'SIGKILL');" });
    expect(await run(folder, "cli/src/main.ts").ended).toMatchObject({ code: 137 });
  });

  test("leaves nothing behind when it is killed", async () => {
    const killed = run(installedClone({ "cli/src/main.ts": service }), "cli/src/main.ts");
    await killed.said(/up/);
    killed.child.kill("SIGKILL");
    // The pipes close when the last process that writes to them has ended.
    expect(await killed.ended).toMatchObject({ signal: "SIGKILL", printed: expect.stringContaining("heard SIGTERM 1") });
  });
});

test("--watch ends the file gracefully and starts it again when what only a worker thread loads has changed", async () => {
  const folder = installedClone({
    "cli/src/main.ts": `${service} new Worker(new URL("../../packages/a/src/worker.ts", import.meta.url));
      import { Worker } from "node:worker_threads";`,
    "packages/a/src/worker.ts": 'import { word } from "./word.ts"; console.log("worker", word);',
    "packages/a/src/word.ts": 'export const word: string = "one";',
  });
  const watching = run(folder, "--watch", "cli/src/main.ts");
  await watching.said(/worker one/);
  write(folder, "packages/a/src/word.ts", 'export const word: string = "two";');
  await watching.said(/heard SIGTERM 1[^]*worker two/);
  watching.child.kill("SIGTERM");
  expect(await watching.ended).toMatchObject({ code: 7 });
});
