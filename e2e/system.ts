/** Owns a Mini CRM that a test starts from outside: real processes on free ports, with a data folder of their own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** The two ways to run: everything in one process, or backend and workers apart on one SQLite file. */
export const LAYOUTS = ["one process", "two processes"] as const;
export type Layout = (typeof LAYOUTS)[number];

export type Environment = Readonly<Record<string, string>>;

/** A started process, with all that it has printed. */
export interface Started {
  process: ChildProcess;
  output(): string;
  /** Resolves with the exit code, or the signal's name. */
  exited: Promise<number | string>;
}

/** Starts an entry of the project under the Node that runs this test. */
export function startEntry(entry: string, args: readonly string[], env: Environment): Started {
  const child = spawn(process.execPath, [join(ROOT, entry), ...args], {
    cwd: ROOT,
    env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "", PORT: "0", WORKERS_PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const exited = once(child, "close").then(([code, signal]: (number | string | null)[]) => code ?? signal ?? "unknown");
  return { process: child, output: () => output, exited };
}

/** Resolves with what `pattern` captures as soon as it is printed; rejects when the process ends first. */
export async function printed(started: Started, pattern: RegExp): Promise<string> {
  const found = () => pattern.exec(started.output())?.[1];
  const ended = started.exited.then((code) => {
    throw new Error(`The process ended (${code}) before it printed ${pattern}:\n${started.output()}`);
  });
  const seen = (async () => {
    for (;;) {
      const text = found();
      if (text !== undefined) return text;
      await Promise.race([once(started.process.stdout ?? started.process, "data"), started.exited]);
      if (started.process.exitCode !== null) return ended;
    }
  })();
  return Promise.race([seen, ended]);
}

export interface System {
  backendUrl: string;
  workersUrl: string;
  processes: Record<"backend" | "workers", Started>;
  /** Ends everything with SIGTERM; resolves with the exit codes. */
  stop(): Promise<(number | string)[]>;
  /** Ends everything with SIGKILL, in the middle of whatever it does. */
  kill(): Promise<void>;
}

export async function startSystem(layout: Layout, env: Environment): Promise<System> {
  const processes = startProcesses(layout, env);
  const { backend, workers } = processes;
  try {
    const [backendUrl, workersUrl] = await (layout === "one process"
      ? Promise.all([printed(backend, /API +(http:\S+)/), printed(workers, /Workers +(http:\S+)/)])
      : Promise.all([printed(backend, LISTENS), printed(workers, LISTENS)]));
    return systemOf(backendUrl, workersUrl, processes);
  } catch (error) {
    for (const { process: child } of Object.values(processes)) child.kill("SIGKILL");
    throw error;
  }
}

function startProcesses(layout: Layout, env: Environment): System["processes"] {
  if (layout === "two processes") {
    return { workers: startEntry("workers/src/main.ts", [], env), backend: startEntry("backend/src/main.ts", [], env) };
  }
  const all = startEntry("cli/src/main.ts", ["start"], env);
  return { backend: all, workers: all };
}

/** What a process of its own logs when it listens. */
export const LISTENS = /"msg":"(?:Backend|Workers) at (http:[^"]+)"/;

function systemOf(backendUrl: string, workersUrl: string, processes: System["processes"]): System {
  const all = [...new Set(Object.values(processes))];
  const end = async (signal: NodeJS.Signals) => {
    for (const { process: child } of all) child.kill(signal);
    return Promise.all(all.map(({ exited }) => exited));
  };
  return {
    backendUrl,
    workersUrl,
    processes,
    stop: () => end("SIGTERM"),
    async kill() {
      await end("SIGKILL");
    },
  };
}

/** A data folder that `remove` takes away. */
export async function temporaryFolder(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "mini-crm-e2e-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** The status and parsed body of a call. */
export interface Answer<T> {
  status: number;
  body: T;
}

/** Calls an endpoint with a JSON body. */
export async function call<T = unknown>(method: string, url: string, body?: unknown): Promise<Answer<T>> {
  const init = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(url, { method, ...init });
  return { status: answer.status, body: (await answer.json()) as T };
}
