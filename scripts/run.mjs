/**
 * Runs a file of this repository with the Node that package.json pins, after installing what is missing:
 * `node scripts/run.mjs [--watch] [file [argument...]]`, the file relative to the root, which is also where it runs.
 * `--watch` starts it again when a source changes. Without a file it only installs.
 */
import { spawn } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { installMissing, root, runtime } from "./install.mjs";

const isWatching = process.argv[2] === "--watch";
const [file, ...fileArguments] = process.argv.slice(isWatching ? 3 : 2);

const echoMs = 1000;
const pollMs = 500;
const gracefulStopMs = 15_000;

const stopping = new AbortController();
let child;
let childSignalledAt = 0;

process.on("SIGINT", stop);
process.on("SIGTERM", stop);
if (process.env.npm_lifecycle_event) await import("./leash.mjs");

/** Whole batches of messages live for some milliseconds: with room for them (in MiB), the garbage collector copies fewer. */
const ROOM_FOR_SHORT_LIVED = "--max-semi-space-size=32";

/** Servers need a third of this (in MiB), and with a bound what is old is collected sooner: they stay below 300 MB. */
const ROOM_OF_SERVERS = "--max-old-space-size=768";
const isServer = /^(backend|workers)\//.test(file ?? "") || fileArguments[0] === "start";

/** Compiled once, sources start twice as fast, in every process and thread. */
const compiled = { NODE_COMPILE_CACHE: join(root, "node_modules/.cache/node") };

try {
  await installMissing(stopping.signal);
  if (!file) process.exit(0);
  process.exit(await (isWatching ? runAndWatch() : run()));
} catch (error) {
  console.error(`mini-crm: ${error.message}`);
  process.exit(stopping.signal.aborted ? exitCodeOf(stopping.signal.reason) : 1);
}

/** Resolves to the file's exit code. */
function run() {
  // In a session of its own the child hears Ctrl-C from here only: the terminal, npm and this process would each deliver it,
  // and a service takes the second for impatience. The leash is for a `kill -9` of this process.
  const room = isServer ? [ROOM_FOR_SHORT_LIVED, ROOM_OF_SERVERS] : [ROOM_FOR_SHORT_LIVED];
  const nodeArguments = [...room, "--import", new URL("leash.mjs", import.meta.url).href, file, ...fileArguments];
  const started = spawn(runtime, nodeArguments, {
    cwd: root,
    stdio: "inherit",
    detached: true,
    env: { ...compiled, ...process.env },
  });
  child = started;
  childSignalledAt = 0;
  return new Promise((resolve, reject) => {
    started.once("error", (cause) => reject(new Error(`${cause.message}; delete node_modules and start again`, { cause })));
    started.once("exit", (code, signal) => resolve(code ?? exitCodeOf(signal)));
  });
}

/** Runs the file again after every change of the sources, until this process is told to stop; resolves to the last exit code. */
async function runAndWatch() {
  let exit;
  do {
    const sources = fingerprintOfSources();
    exit = run();
    const change = changeFrom(sources);
    const code = await Promise.race([exit, change]);
    if (code !== undefined && !stopping.signal.aborted) {
      console.error(`mini-crm: ended with exit code ${code}; starts again when a source changes`);
      await change;
    }
    if (!stopping.signal.aborted) await endForRestart(exit);
  } while (!stopping.signal.aborted);
  return exit;
}

async function endForRestart(exit) {
  console.error("mini-crm: a source changed; starting again");
  signalChild("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), gracefulStopMs);
  await exit;
  clearTimeout(timer);
}

/** Polls, because watching directories on Linux loses those that are replaced, as `git checkout` does. Ends also on a stop. */
async function changeFrom(sources) {
  while (!stopping.signal.aborted && fingerprintOfSources() === sources) await sleep(pollMs);
}

/** Of all sources, not only of what the main thread has imported: worker threads import too. */
function fingerprintOfSources() {
  try {
    const paths = ["backend", "cli", "packages", "workers"].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((name) => join(root, folder, name)),
    );
    const sources = paths.filter((path) => /[/\\]src[/\\]/.test(path) && !/\.test\.ts$|[/\\]node_modules[/\\]/.test(path));
    return sources.map((path) => `${path} ${statSync(path).mtimeMs}`).join("\n");
  } catch (error) {
    if (error.code === "ENOENT") return "a source disappeared while it was read";
    throw error;
  }
}

function stop(signal) {
  stopping.abort(signal);
  // Ctrl-C reaches this process from the terminal and again from npm; only a later one is a person's impatience.
  if (Date.now() - childSignalledAt > echoMs) signalChild(signal);
}

function signalChild(signal) {
  childSignalledAt = Date.now();
  child?.kill(signal);
}

/** As a shell counts a process that a signal ended. */
function exitCodeOf(signal) {
  return 128 + constants.signals[signal];
}
